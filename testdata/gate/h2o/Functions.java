import java.lang.reflect.Field;
import java.util.Map;
import java.util.TreeSet;
import water.rapids.Env;

/**
 * Prints the functions of Rapids that an H2O knows, one a line: the server's own list (Env.PRIMS), since /99/Rapids/help fails on 3.46.
 *
 *   java --add-opens java.base/java.lang=ALL-UNNAMED -cp h2o.jar Functions.java | sed -n "s,^rapids\t,,p" > internal/gateway/h2o/testdata/functions.txt
 */
public class Functions {
  public static void main(String[] args) throws Exception {
    Field prims = Env.class.getDeclaredField("PRIMS");
    prims.setAccessible(true);
    for (Object name : new TreeSet<Object>(((Map<?, ?>) prims.get(null)).keySet())) System.out.println("rapids\t" + name);
    System.exit(0);
  }
}
