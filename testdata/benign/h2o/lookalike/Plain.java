package example;

import java.io.File;

/** Not a model at all. */
public class Plain {
  static void run() throws Exception {
    Runtime.getRuntime().exec(new File("x").getPath());
  }
}
