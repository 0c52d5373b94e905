import java.io.*;
import java.lang.reflect.*;
import java.nio.file.*;
import java.util.*;
import sun.misc.Unsafe;

/** Builds objects from the inside: no constructor runs and no collection asks its elements anything until the stream is read. */
class Kit {
    static final Unsafe UNSAFE;
    static final List<String> LINES = new ArrayList<>();
    static Path out;

    static {
        try {
            Field f = Unsafe.class.getDeclaredField("theUnsafe");
            f.setAccessible(true);
            UNSAFE = (Unsafe) f.get(null);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    static Class<?> type(String name) throws Exception {
        return Class.forName(name, false, Kit.class.getClassLoader());
    }

    static Field field(Class<?> c, String name) throws Exception {
        for (Class<?> k = c; k != null; k = k.getSuperclass()) {
            for (Field f : k.getDeclaredFields()) {
                if (f.getName().equals(name)) return f;
            }
        }
        throw new NoSuchFieldException(c.getName() + "." + name);
    }

    static Object get(Object o, String name) throws Exception {
        Field f = field(o.getClass(), name);
        return UNSAFE.getObject(o, UNSAFE.objectFieldOffset(f));
    }

    static <T> T set(T o, String name, Object v) throws Exception {
        Field f = field(o.getClass(), name);
        long at = UNSAFE.objectFieldOffset(f);
        Class<?> t = f.getType();
        if (t == int.class) UNSAFE.putInt(o, at, (Integer) v);
        else if (t == long.class) UNSAFE.putLong(o, at, ((Number) v).longValue());
        else if (t == boolean.class) UNSAFE.putBoolean(o, at, (Boolean) v);
        else if (t == float.class) UNSAFE.putFloat(o, at, (Float) v);
        else UNSAFE.putObject(o, at, v);
        return o;
    }

    /** An object of a class, with the given fields and no others. */
    static Object make(String name, Object... fields) throws Exception {
        return fill(UNSAFE.allocateInstance(type(name)), fields);
    }

    static Object fill(Object o, Object... fields) throws Exception {
        for (int i = 0; i < fields.length; i += 2) set(o, (String) fields[i], fields[i + 1]);
        return o;
    }

    /** A map that holds keys without having asked them for their hash. */
    static <M extends HashMap<Object, Object>> M hold(M m, Object... pairs) throws Exception {
        int n = pairs.length / 2;
        if (n == 0) return m;
        for (int i = 0; i < n; i++) m.put(1000 + i, pairs[2 * i + 1]);
        for (Object node : (Object[]) get(m, "table")) {
            for (; node != null; node = get(node, "next")) {
                Object key = get(node, "key");
                if (key instanceof Integer && (Integer) key >= 1000 && (Integer) key < 1000 + n) set(node, "key", pairs[2 * ((Integer) key - 1000)]);
            }
        }
        return m;
    }

    static HashMap<Object, Object> map(Object... pairs) throws Exception {
        return hold(new HashMap<>(), pairs);
    }

    static HashSet<Object> hashSet(HashSet<Object> s, Object... items) throws Exception {
        for (int i = 0; i < items.length; i++) s.add(1000 + i);
        Object[] pairs = new Object[2 * items.length];
        HashMap<Object, Object> inner = (HashMap<Object, Object>) get(s, "map");
        for (Object node : (Object[]) get(inner, "table")) {
            for (; node != null; node = get(node, "next")) {
                if (get(node, "key") instanceof Integer) set(node, "key", items[(Integer) get(node, "key") - 1000]);
            }
        }
        return s;
    }

    /** A queue that has not compared anything. */
    static PriorityQueue<Object> queue(Object comparator, Object... items) throws Exception {
        PriorityQueue<Object> q = new PriorityQueue<>();
        set(q, "comparator", comparator);
        set(q, "queue", items.clone());
        set(q, "size", items.length);
        return q;
    }

    static Object proxy(Object handler, Class<?>... faces) {
        return Proxy.newProxyInstance(Kit.class.getClassLoader(), faces, (InvocationHandler) handler);
    }

    static byte[] bytes(Object... objects) throws IOException {
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        try (ObjectOutputStream o = new ObjectOutputStream(b)) {
            for (Object x : objects) o.writeObject(x);
        }
        return b.toByteArray();
    }

    /** Stands for javax.management.BadAttributeValueExpException of JDK 8, whose field held any object. */
    static final class OldException implements Serializable {
        static final long serialVersionUID = 0x7765697257656972L;
        Object val;

        OldException(Object val) { this.val = val; }

        static byte[] renamed(byte[] stream) {
            String s = new String(stream, java.nio.charset.StandardCharsets.ISO_8859_1);
            return s.replace("\0\20Kit$OldExceptionweirWeir", "\0\56javax.management.BadAttributeValueExpException\u00d4\u00e7\u00da\u00ab\143\55\106\100")
                .getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
        }
    }

    static String json(String s) {
        return "\"" + s.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }

    static void save(String name, byte[] content, String... facts) throws IOException {
        Files.createDirectories(out.resolve(name).getParent());
        Files.write(out.resolve(name), content);
        StringBuilder l = new StringBuilder("{\"path\": " + json(name));
        for (int i = 0; i < facts.length; i += 2) l.append(", ").append(json(facts[i])).append(": ").append(json(facts[i + 1]));
        LINES.add(l + "}");
    }

    static void finish() throws IOException {
        Files.write(out.resolve("specs.jsonl"), LINES);
        System.out.println(LINES.size() + " files");
    }
}
