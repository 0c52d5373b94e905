import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/** Unpacks a zip file as programs do that trust its names: Unpack FILE FOLDER. */
public class Unpack {
    public static void main(String[] args) throws Exception {
        try (ZipInputStream z = new ZipInputStream(new FileInputStream(args[0]))) {
            for (ZipEntry e; (e = z.getNextEntry()) != null; ) {
                File to = new File(args[1], e.getName());
                to.getParentFile().mkdirs();
                try (FileOutputStream o = new FileOutputStream(to)) {
                    z.transferTo(o);
                }
            }
        }
    }
}
