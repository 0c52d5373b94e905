package weir;

import java.nio.file.Files;
import java.nio.file.Paths;

/** Leaves a file when it is initialised: what a class on the class path does when Spark or MLeap's registry looks it up by its name. */
public final class Canary {
    static {
        try {
            Files.write(Paths.get("weir-canary"), "fired".getBytes());
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** For those that make an object of it. */
    public Canary() {}
}
