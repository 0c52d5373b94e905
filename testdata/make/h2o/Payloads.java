import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectOutputStream;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.rmi.Remote;
import java.rmi.server.ObjID;
import java.rmi.server.RemoteObjectInvocationHandler;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * Writes Java object streams for attacks.py: java -cp h2o.jar:canary.jar Payloads.java OUT
 *
 * All act only through the classes of canary.jar (canary/*.java), which write a file weir-canary into the current folder, through a connection
 * to a loopback port, or by being expensive to read.
 */
public class Payloads {
    static Path out;

    public static void main(String[] args) throws Exception {
        out = Paths.get(args[0]);
        Files.createDirectories(out);
        Object canary = weir.Canary.make();
        save("read-object", canary);
        save("read-resolve", make("weir.CanaryResolve"));
        save("externalizable", make("weir.CanaryExternal"));
        save("enum", weir.CanaryEnum.valueOf("ONE"));
        save("array", new Object[] {1, "a", canary});
        save("typed-array", many(canary));
        ArrayList<Object> list = new ArrayList<>();
        list.add(5L);
        list.add(canary);
        save("list", list);
        HashMap<Object, Object> map = new HashMap<>();
        map.put("a", canary);
        save("map-value", map);
        save("no-such-class-first", new Object[] {make("weir.CanaryGone"), canary});
        save("hash-code", hashed());
        save("compare", sorted(new weir.CanaryComparator()));
        save("handler", Proxy.newProxyInstance(Payloads.class.getClassLoader(), new Class<?>[] {Runnable.class}, new weir.CanaryHandler()));
        save("proxy-hash", proxied());
        save("subclass-of-list", new weir.CanaryList());
        save("bean", sorted(bean()));
        save("rmi", rmi(Integer.parseInt(args[1])));
        save("set-bomb", bomb());
        save("class-object", new Object[] {weir.CanaryEnum.class, canary});
        save("validation", new weir.CanaryValidation());
        save("nested", nested(canary));
    }

    static void save(String name, Object o) throws IOException {
        Files.write(out.resolve(name + ".ser"), bytes(o));
    }

    static byte[] bytes(Object o) throws IOException {
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        try (ObjectOutputStream s = new ObjectOutputStream(b)) {
            s.writeObject(o);
        }
        return b.toByteArray();
    }

    static Object make(String name) throws Exception {
        Constructor<?> c = Class.forName(name).getDeclaredConstructor();
        c.setAccessible(true);
        return c.newInstance();
    }

    static Object many(Object o) {
        Object a = Array.newInstance(o.getClass(), 2);
        Array.set(a, 1, o);
        return a;
    }

    static Object nested(Object o) throws IOException {
        Object[] in = {o};
        for (int i = 0; i < 30; i++) {
            in = new Object[] {in};
        }
        return in;
    }

    /** HashMap.readObject calls hashCode of its keys. */
    static Object hashed() throws Exception {
        HashMap<Object, Object> m = new HashMap<>();
        weir.CanaryKey k = new weir.CanaryKey();
        k.quiet = true;
        m.put(k, 1);
        k.quiet = false;
        return m;
    }

    /** PriorityQueue.readObject compares its elements. */
    static Object sorted(Comparator<Object> c) throws Exception {
        PriorityQueue<Object> q = new PriorityQueue<>(2);
        q.add("a");
        q.add("b");
        Field f = PriorityQueue.class.getDeclaredField("comparator");
        f.setAccessible(true);
        f.set(q, c);
        if (c.getClass().getName().contains("Bean")) {
            Field e = PriorityQueue.class.getDeclaredField("queue");
            e.setAccessible(true);
            e.set(q, new Object[] {new weir.CanaryBean(), new weir.CanaryBean()});
        }
        return q;
    }

    @SuppressWarnings("unchecked")
    static Comparator<Object> bean() throws Exception {
        Class<?> k = Class.forName("org.apache.commons.beanutils.BeanComparator");
        return (Comparator<Object>) k.getConstructor(String.class, Comparator.class).newInstance("harm", String.CASE_INSENSITIVE_ORDER);
    }

    static Object proxied() throws Exception {
        weir.CanaryInvoke h = new weir.CanaryInvoke();
        h.quiet = true;
        HashMap<Object, Object> m = new HashMap<>();
        m.put(Proxy.newProxyInstance(Payloads.class.getClassLoader(), new Class<?>[] {Runnable.class}, h), 1);
        h.quiet = false;
        return m;
    }

    /** Reading a remote reference opens a connection to where it points. */
    static Object rmi(int port) throws Exception {
        Object endpoint = Class.forName("sun.rmi.transport.tcp.TCPEndpoint").getConstructor(String.class, int.class).newInstance("127.0.0.1", port);
        Class<?> live = Class.forName("sun.rmi.transport.LiveRef");
        Object ref = live.getConstructor(ObjID.class, Class.forName("sun.rmi.transport.Endpoint"), boolean.class).newInstance(new ObjID(1), endpoint, false);
        Object unicast = Class.forName("sun.rmi.server.UnicastRef").getConstructor(live).newInstance(ref);
        InvocationHandler h = new RemoteObjectInvocationHandler((java.rmi.server.RemoteRef) unicast);
        return Proxy.newProxyInstance(Payloads.class.getClassLoader(), new Class<?>[] {Remote.class}, h);
    }

    /** Two chains of sets that hold each other: reading takes 2^n steps. */
    static Object bomb() {
        Set<Object> root = new HashSet<>(), a = root, b = new HashSet<>();
        for (int i = 0; i < 60; i++) {
            Set<Object> c = new HashSet<>(), d = new HashSet<>();
            c.add("x");
            a.add(c);
            a.add(d);
            b.add(c);
            b.add(d);
            a = c;
            b = d;
        }
        return root;
    }
}
