import java.io.File;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

/**
 * Prints how H2O serialises each of its classes: java Layouts.java H2O.jar
 *
 * One line a class: name, superclass (or -), then its own fields in the order in which water.Weaver writes them, each as code:name. The
 * codes are Weaver's names of AutoBuffer's methods (Z 1 2 4 4f 8 8d Str Ice Enum Ser, an A before it for each dimension), Ser with the
 * declared class behind it. A class with a serialiser of its own (read_impl) has the word CUSTOM instead of fields. No class is initialised.
 */
public class Layouts {
    static Class<?> freezable;

    public static void main(String[] args) throws Exception {
        URLClassLoader loader = new URLClassLoader(new URL[] {new File(args[0]).toURI().toURL()}, Layouts.class.getClassLoader());
        freezable = Class.forName("water.Freezable", false, loader);
        List<String> lines = new ArrayList<>();
        try (JarFile jar = new JarFile(args[0])) {
            for (Enumeration<JarEntry> e = jar.entries(); e.hasMoreElements(); ) {
                String name = e.nextElement().getName();
                if (!name.endsWith(".class") || !(name.startsWith("water/") || name.startsWith("hex/") || name.startsWith("ai/h2o/"))) {
                    continue;
                }
                try {
                    Class<?> c = Class.forName(name.substring(0, name.length() - 6).replace('/', '.'), false, loader);
                    if (freezable.isAssignableFrom(c) && !c.isInterface()) {
                        lines.add(line(c));
                    }
                } catch (LinkageError missing) {
                    // A class for another application server or cloud, whose own classes are not in the jar: H2O cannot load it either.
                }
            }
        }
        Collections.sort(lines);
        for (String l : lines) {
            System.out.println(l);
        }
    }

    static String line(Class<?> c) {
        Class<?> up = c.getSuperclass();
        StringBuilder b = new StringBuilder(c.getName()).append(' ');
        b.append(up != null && freezable.isAssignableFrom(up) ? up.getName() : "-");
        for (Method m : c.getDeclaredMethods()) {
            if (m.getName().equals("read_impl") && !Modifier.isAbstract(m.getModifiers()) && !m.isBridge()) {
                return b.append(" CUSTOM").toString();
            }
        }
        for (Field f : c.getDeclaredFields()) {
            int mods = f.getModifiers();
            if (Modifier.isTransient(mods) || Modifier.isStatic(mods) || hidden(f)) {
                continue;
            }
            b.append(' ').append(code(f.getType())).append(':').append(f.getName());
        }
        return b.toString();
    }

    /** Fields that the annotation API keeps out of JSON are kept out of the binary form too. */
    static boolean hidden(Field f) {
        for (java.lang.annotation.Annotation a : f.getAnnotations()) {
            if (a.annotationType().getName().equals("water.api.API")) {
                try {
                    Method m = a.annotationType().getMethod("json");
                    m.setAccessible(true);
                    return Boolean.FALSE.equals(m.invoke(a));
                } catch (ReflectiveOperationException none) {
                    return false;
                }
            }
        }
        return false;
    }

    static String code(Class<?> t) {
        if (t.isArray()) {
            return "A" + code(t.getComponentType());
        }
        if (t == boolean.class) return "Z";
        if (t == byte.class) return "1";
        if (t == char.class || t == short.class) return "2";
        if (t == int.class) return "4";
        if (t == float.class) return "4f";
        if (t == long.class) return "8";
        if (t == double.class) return "8d";
        if (t == String.class) return "Str";
        if (freezable.isAssignableFrom(t)) return "Ice";
        if (Enum.class.isAssignableFrom(t)) return "Enum";
        if (java.io.Serializable.class.isAssignableFrom(t)) return "Ser=" + t.getName();
        return "?" + t.getName();
    }
}
