import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;
import java.rmi.server.RMISocketFactory;
import java.util.*;

/**
 * Reads object streams from standard input (each behind its length, four bytes) with the JDK's own ObjectInputStream and says for each which
 * classes it asked for: "class NAME" when a descriptor is resolved, "filter NAME" when the filter is asked, "face NAME" for a proxy's interfaces,
 * then how it ended. Names are hexadecimal UTF-8.
 */
public final class Oracle {
    static final PrintStream OUT = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.US_ASCII);

    static synchronized void say(List<String> said, String kind, String name) {
        StringBuilder b = new StringBuilder(kind).append(' ');
        for (byte x : new String(name.codePoints().map(c -> c >= 0xd800 && c < 0xe000 ? 0xfffd : c).toArray(), 0, name.codePointCount(0, name.length())).getBytes(StandardCharsets.UTF_8)) {
            b.append(String.format("%02x", x));
        }
        said.add(b.toString());
    }

    static final class Reader extends ObjectInputStream {
        final List<String> said;

        Reader(InputStream in, List<String> said) throws IOException {
            super(in);
            this.said = said;
            setObjectInputFilter(info -> {
                if (info.serialClass() != null) say(said, "filter", info.serialClass().getName());
                return info.arrayLength() > 1 << 20 ? ObjectInputFilter.Status.REJECTED : ObjectInputFilter.Status.UNDECIDED;
            });
        }

        @Override protected Class<?> resolveClass(ObjectStreamClass d) throws IOException, ClassNotFoundException {
            say(said, "class", d.getName());
            return super.resolveClass(d);
        }

        @Override protected Class<?> resolveProxyClass(String[] faces) throws IOException, ClassNotFoundException {
            for (String f : faces) say(said, "face", f);
            return super.resolveProxyClass(faces);
        }
    }

    /** Reads all streams in b, one behind the other, as a program that knows where they begin. */
    static String read(byte[] b, List<String> said) {
        InputStream raw = new ByteArrayInputStream(b);
        boolean whole = true;
        try {
            Reader r = new Reader(raw, said);
            for (;;) {
                whole = raw.available() == 0;
                try {
                    r.readObject();
                } catch (OptionalDataException e) {
                    if (e.length <= 0) throw e;
                    for (int n = e.length; n > 0; n--) r.readByte();
                }
            }
        } catch (EOFException e) {
            return whole ? "end" : "cut";
        } catch (Throwable e) {
            return e.getClass().getSimpleName();
        }
    }

    /** Keeps what attacks try on this machine: ports on the loopback only, no connections. */
    static void confine() throws IOException {
        RMISocketFactory.setSocketFactory(new RMISocketFactory() {
            @Override public Socket createSocket(String host, int port) throws IOException { throw new ConnectException("refused"); }
            @Override public ServerSocket createServerSocket(int port) throws IOException { return new ServerSocket(port, 1, InetAddress.getLoopbackAddress()); }
        });
    }

    @SuppressWarnings("deprecation")
    public static void main(String[] a) throws Exception {
        confine();
        System.setErr(new PrintStream(OutputStream.nullOutputStream()));
        System.setOut(System.err);
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
        for (;;) {
            byte[] b;
            try {
                b = new byte[in.readInt()];
            } catch (EOFException e) {
                break;
            }
            in.readFully(b);
            List<String> said = Collections.synchronizedList(new ArrayList<>());
            String[] how = {"late"};
            Thread t = new Thread(null, () -> how[0] = read(b, said), "reader", 64 << 20);
            t.setDaemon(true);
            t.start();
            t.join(2000);
            try {
                if (t.isAlive()) t.stop();
            } catch (UnsupportedOperationException e) {
                // since JDK 20: it goes on until all streams are read
            }
            synchronized (said) {
                for (String s : new LinkedHashSet<>(said)) OUT.println(s);
            }
            OUT.println("ended " + how[0]);
            OUT.flush();
        }
        Runtime.getRuntime().halt(0);
    }
}
