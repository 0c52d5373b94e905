import hex.genmodel.GenModel;
import hex.genmodel.MojoModel;
import java.nio.file.Files;
import java.nio.file.Paths;

/** Loads a model as programs that use h2o-genmodel do: Load mojo PATH, Load pojo CLASS. A MOJO's levels are written to standard output. */
public class Load {
    public static void main(String[] args) throws Throwable {
        GenModel m;
        if (args[0].equals("mojo")) {
            m = MojoModel.load(args[1]);
        } else {
            m = (GenModel) Class.forName(args[1]).getDeclaredConstructor().newInstance();
            m.getUUID();
            m.score0(new double[m.nfeatures()], new double[m.getPredsSize(m.getModelCategory())]);
        }
        for (int i = 0; i < m.getNumCols() + 1; i++) {
            String[] levels = m.getDomainValues(i);
            System.out.println(levels == null ? "-" : String.join(" ", levels));
        }
        System.out.println(System.getProperty("weir.fired") == null ? "done" : "property");
    }
}
