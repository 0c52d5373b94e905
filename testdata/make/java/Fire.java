import java.io.*;
import java.lang.reflect.Field;
import java.net.*;
import java.nio.file.*;
import java.rmi.server.RMISocketFactory;
import java.util.*;

/** Reads a file's object streams as an application would and says on standard output what happened: resolved, connect, loaded, raised, crash. */
public final class Fire {
    static void say(String s) {
        System.out.println(s.replace('\n', ' '));
        System.out.flush();
    }

    static final class Reader extends ObjectInputStream {
        Reader(InputStream in) throws IOException { super(in); }

        @Override protected Class<?> resolveClass(ObjectStreamClass d) throws IOException, ClassNotFoundException {
            try {
                Class<?> c = super.resolveClass(d);
                say("resolved " + d.getName());
                return c;
            } catch (ClassNotFoundException | LinkageError e) {
                say("missing " + d.getName());
                throw e;
            }
        }
    }

    /** Reports connections of RMI, of URLs, and the contexts of JNDI; none of them leaves this machine. */
    static void listen() throws Exception {
        RMISocketFactory.setSocketFactory(new RMISocketFactory() {
            @Override public Socket createSocket(String host, int port) throws IOException {
                say("connect");
                throw new ConnectException("refused");
            }

            @Override public ServerSocket createServerSocket(int port) throws IOException {
                say("connect");
                return new ServerSocket(port, 1, InetAddress.getLoopbackAddress());
            }
        });
        ProxySelector.setDefault(new ProxySelector() {
            @Override public List<Proxy> select(URI u) {
                say("connect");
                return List.of(Proxy.NO_PROXY);
            }

            @Override public void connectFailed(URI u, SocketAddress a, IOException e) { }
        });
    }

    static boolean resolvedHost() {
        try {
            Field f = InetAddress.class.getDeclaredField("cache");
            f.setAccessible(true);
            return ((Map<?, ?>) f.get(null)).containsKey("weir-canary.invalid");
        } catch (ReflectiveOperationException | RuntimeException e) {
            return false;
        }
    }

    public static void main(String[] a) throws Exception {
        listen();
        try (InputStream in = new BufferedInputStream(Files.newInputStream(Path.of(a[0])))) {
            Reader r = new Reader(in);
            for (;;) {
                try {
                    r.readObject();
                } catch (OptionalDataException e) {
                    if (e.length > 0) r.skipBytes(e.length);
                    else throw e;
                }
            }
        } catch (EOFException e) {
            say("loaded");
        } catch (OutOfMemoryError | StackOverflowError e) {
            say("crash " + e.getClass().getName());
        } catch (Throwable e) {
            say("raised " + e + (e.getCause() != null ? " / " + e.getCause() : ""));
        }
        if (resolvedHost()) say("connect");
        for (int i = 0; i < 15 && new File(".").list().length == 0; i++) Thread.sleep(100);
        System.exit(0);
    }
}
