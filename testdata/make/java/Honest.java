import java.io.*;
import java.math.*;
import java.net.*;
import java.nio.file.Path;
import java.time.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.regex.Pattern;
import org.apache.commons.math3.analysis.interpolation.*;
import org.apache.commons.math3.analysis.polynomials.*;
import org.apache.commons.math3.distribution.*;
import org.apache.commons.math3.linear.*;
import org.apache.commons.math3.stat.descriptive.SummaryStatistics;
import org.apache.commons.math3.stat.regression.SimpleRegression;
import weka.classifiers.Classifier;
import weka.core.*;

/** Writes streams as honest programs do: values of the platform, and models of libraries. */
public final class Honest extends Kit {
    static void add(String name, String expect, String framework, String note, Object... objects) throws Exception {
        save("java/" + name, bytes(objects), "expect", expect, "framework", framework, "note", note);
    }

    static void clean(String name, String note, Object... objects) throws Exception {
        add(name + ".ser", "clean", "java", note, objects);
    }

    enum Colour { RED { @Override int n() { return 1; } }, BLUE; int n() { return 0; } }

    record Settings(String name, int trees, double rate, List<String> columns) implements Serializable { }

    static class Node implements Serializable {
        private static final long serialVersionUID = 1;
        String name;
        Node left, right;
        double[] weights = {1, 2, 3};
        transient Object cache = new Object();
        Map<String, Colour> palette = new TreeMap<>(Map.of("a", Colour.RED));
    }

    static class Packed implements Externalizable {
        public Packed() { }
        @Override public void writeExternal(ObjectOutput o) throws IOException { o.writeInt(7); o.writeObject("x"); o.writeUTF("y"); }
        @Override public void readExternal(ObjectInput i) throws IOException, ClassNotFoundException { i.readInt(); i.readObject(); i.readUTF(); }
    }

    static void platform() throws Exception {
        clean("boxes", "boxed primitives and null", 1, 2L, 3.0, 4f, (short) 5, (byte) 6, 'c', true, null);
        clean("strings", "short, long and non-Latin text", "", "héllo \0 \ud83d\ude00", "x".repeat(70000), List.of("a", "b"));
        clean("lists", "ArrayList, LinkedList, Vector, Stack, ArrayDeque, Arrays.asList", new ArrayList<>(List.of(1, "a")), new LinkedList<>(List.of(1)), new Vector<>(List.of(1)), new Stack<>(),
            new ArrayDeque<>(List.of(1)), Arrays.asList(1, 2));
        clean("maps", "HashMap, TreeMap, LinkedHashMap, Hashtable, IdentityHashMap, Properties", new HashMap<>(Map.of("a", 1)), new TreeMap<>(Map.of(1, "a")), new LinkedHashMap<>(Map.of("k", 1.5)),
            new Hashtable<>(Map.of("h", 2)), new IdentityHashMap<>(Map.of("i", 3)), new Properties());
        clean("sets", "HashSet, TreeSet, LinkedHashSet, BitSet, PriorityQueue", new HashSet<>(Set.of(1, 2)), new TreeSet<>(Set.of("b", "a")), new LinkedHashSet<>(List.of(3, 1)), BitSet.valueOf(new long[] {5, 6}),
            new PriorityQueue<>(List.of(3, 1, 2)));
        clean("immutable", "List.of, Set.of, Map.of, Collections.*", List.of(1, 2, 3), Set.of("x"), Map.of("a", List.of()), Collections.unmodifiableList(new ArrayList<>(List.of(1))), Collections.emptyMap(),
            Collections.singletonList(1), Collections.synchronizedMap(new HashMap<>()), Collections.nCopies(3, "x"), Collections.unmodifiableMap(new TreeMap<>(Map.of(1, 2))));
        clean("concurrent", "ConcurrentHashMap, CopyOnWriteArrayList, ConcurrentSkipListMap, atomics, queues", new ConcurrentHashMap<>(Map.of("a", 1)), new CopyOnWriteArrayList<>(List.of(1)),
            new ConcurrentSkipListMap<>(Map.of("a", 1)), new AtomicInteger(1), new AtomicLong(2), new AtomicBoolean(true), new AtomicReference<>("r"), new LinkedBlockingQueue<>(List.of(1)), new ConcurrentLinkedQueue<>(List.of(1)));
        clean("numbers", "BigInteger, BigDecimal, MathContext, RoundingMode", new BigInteger("123456789012345678901234567890"), new BigDecimal("1.5"), MathContext.DECIMAL64, RoundingMode.HALF_UP);
        clean("dates", "Date, Calendar, TimeZone, java.time", new Date(0), new GregorianCalendar(2026, Calendar.NOVEMBER, 24), TimeZone.getTimeZone("Europe/Vienna"), LocalDate.of(2026, 11, 24), Instant.EPOCH,
            Duration.ofSeconds(5), ZonedDateTime.of(2026, 1, 1, 0, 0, 0, 0, ZoneId.of("UTC")), Period.ofDays(1), DayOfWeek.MONDAY, new java.sql.Timestamp(0));
        clean("identifiers", "UUID, Locale, Currency, URI, Charset names, File", new UUID(1, 2), Locale.GERMANY, Currency.getInstance("EUR"), URI.create("http://example.invalid/x"), new File("model.bin"));
        clean("arrays", "arrays of every primitive type, of arrays and of objects", new int[] {1}, new long[] {1}, new double[][] {{1, 2}, {3}}, new float[3], new byte[] {1, 2, 3}, new char[] {'a'}, new short[1],
            new boolean[] {true}, new String[] {"a", null}, new Object[] {1, "b"}, new Integer[0], new int[0][0]);
        clean("large-array", "a large array that repeats", new double[2000], new int[1000]);
        clean("exceptions", "exceptions with causes and stack traces", new IllegalStateException("x", new IOException("y")), new ArrayIndexOutOfBoundsException(3), new StackOverflowError());
        clean("enums", "enum constants of the platform", TimeUnit.SECONDS, Thread.State.NEW, EnumSet.of(DayOfWeek.MONDAY), new EnumMap<>(Map.of(DayOfWeek.FRIDAY, 1)));
        clean("classes", "objects of type Class", String.class, int.class, double[].class, HashMap.class);
        clean("patterns", "an ordinary regular expression", Pattern.compile("^[a-z]+(,[0-9]+)*$"));
        clean("random", "Random and StringBuilder", new Random(1), new StringBuilder("abc"), new StringBuffer("def"));
        clean("formats", "a number format", new java.text.DecimalFormat("0.0", java.text.DecimalFormatSymbols.getInstance(Locale.ROOT)));
        clean("comparators", "orders of the platform", new TreeMap<String, Integer>(String.CASE_INSENSITIVE_ORDER), Collections.reverseOrder(), new TreeSet<>(Comparator.naturalOrder()));
        clean("nested", "maps in lists in maps, eight deep", nest(8));
        clean("shared", "one object many times, by its handle", shared());
        clean("addresses", "InetAddress and a socket address of a literal", InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), new SimpleEntryHolder().entry);
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        try (ObjectOutputStream o = new ObjectOutputStream(b)) {
            o.writeInt(42);
            o.writeUTF("header");
            o.writeDouble(1.5);
            o.write(new byte[3000]);
            o.writeObject("x");
            o.reset();
            o.writeObject("x");
            o.writeUnshared(new ArrayList<>(List.of(1)));
            o.writeLong(9);
        }
        save("java/blocks.ser", b.toByteArray(), "expect", "clean", "framework", "java", "note", "primitive data between objects, resets, unshared objects");
        byte[] twice = new byte[0];
        for (int i = 0; i < 2; i++) twice = Places.join(twice, bytes(new ArrayList<>(List.of("stream", i))));
        save("java/appended.ser", twice, "expect", "clean", "framework", "java", "note", "two streams, one behind the other");
        String text = Base64.getEncoder().encodeToString(bytes(new HashMap<>(Map.of("rate", 0.1))));
        save("java/base64.json", ("{\"parameters\": \"" + text + "\"}\n").getBytes(), "expect", "clean", "framework", "java", "note", "a harmless stream in base64, in JSON");
        save("java/words.txt", "Streams begin with rO0AB in base64 and with ACED0005 or aced0005 in hexadecimal; TC_OBJECT is 73.\n".getBytes(), "expect", "skipped", "framework", "", "note",
            "a text about streams");
        save("java/magic-in-noise.bin", Places.join("\1\2".getBytes(), new byte[] {(byte) 0xac, (byte) 0xed, 0, 5}, "no stream".getBytes(), new byte[] {(byte) 0xac, (byte) 0xed, 0, 5, 0x73, 0}, new byte[100]),
            "expect", "skipped", "framework", "", "note", "the magic by chance, without a stream behind it");
    }

    static final class SimpleEntryHolder { final Object entry = new AbstractMap.SimpleEntry<>("a", 1); }

    static Object nest(int n) {
        return n == 0 ? 1.5 : new HashMap<>(Map.of("level", n, "next", new ArrayList<>(List.of(nest(n - 1)))));
    }

    static Object shared() {
        Object one = new ArrayList<>(List.of("one"));
        List<Object> l = new ArrayList<>();
        for (int i = 0; i < 200; i++) l.add(one);
        return l;
    }

    static void own() throws Exception {
        Node n = new Node();
        n.left = new Node();
        n.left.right = n;
        n.name = "root";
        add("own-classes.ser", "unverified", "java", "classes of the writer's own: a tree with a cycle", n);
        add("own-enum.ser", "unverified", "java", "an enum of the writer's own, one constant with a body", Colour.RED, Colour.BLUE);
        add("own-record.ser", "unverified", "java", "a record", new Settings("gbm", 50, 0.1, List.of("a", "b")));
        add("own-externalizable.ser", "unverified", "java", "an Externalizable", new Packed());
        add("own-lambda.ser", "unverified", "java", "a lambda", (Runnable & Serializable) () -> System.out.println());
    }

    static Instances data() {
        ArrayList<Attribute> a = new ArrayList<>(List.of(new Attribute("x"), new Attribute("y"), new Attribute("class", List.of("no", "yes"))));
        Instances d = new Instances("weir", a, 40);
        d.setClassIndex(2);
        Random r = new Random(1);
        for (int i = 0; i < 40; i++) {
            double x = r.nextDouble(), y = r.nextDouble();
            d.add(new DenseInstance(1, new double[] {x, y, x + y > 1 ? 1 : 0}));
        }
        return d;
    }

    static void weka() throws Exception {
        for (Classifier c : new Classifier[] {
            new weka.classifiers.trees.J48(), new weka.classifiers.bayes.NaiveBayes(), new weka.classifiers.functions.Logistic(), new weka.classifiers.functions.SMO(),
            new weka.classifiers.lazy.IBk(), new weka.classifiers.rules.ZeroR(), new weka.classifiers.rules.JRip(), new weka.classifiers.trees.RandomForest(),
            new weka.classifiers.meta.AdaBoostM1(), new weka.classifiers.functions.MultilayerPerceptron()}) {
            if (c instanceof weka.classifiers.trees.RandomForest) ((weka.classifiers.trees.RandomForest) c).setNumIterations(2);
            Instances d = data();
            c.buildClassifier(d);
            add("weka-" + c.getClass().getSimpleName() + ".model", "clean", "weka", "weka.classifiers: " + c.getClass().getSimpleName() + " with its header", c, new Instances(d, 0));
        }
        weka.clusterers.SimpleKMeans k = new weka.clusterers.SimpleKMeans();
        Instances d = data();
        d.setClassIndex(-1);
        k.buildClusterer(d);
        add("weka-SimpleKMeans.model", "clean", "weka", "weka.clusterers: SimpleKMeans", k);
        weka.filters.unsupervised.attribute.Normalize f = new weka.filters.unsupervised.attribute.Normalize();
        f.setInputFormat(data());
        weka.filters.Filter.useFilter(data(), f);
        add("weka-Normalize.model", "clean", "weka", "weka.filters: Normalize", f);
    }

    static void math() throws Exception {
        add("math-matrix.ser", "clean", "commons-math", "matrices and vectors", new Array2DRowRealMatrix(new double[][] {{1, 2}, {3, 4}}), new ArrayRealVector(new double[] {1, 2}), new BlockRealMatrix(new double[][] {{1}}));
        add("math-functions.ser", "clean", "commons-math", "polynomials and splines", new PolynomialFunction(new double[] {1, 2, 3}));
        SimpleRegression r = new SimpleRegression();
        SummaryStatistics s = new SummaryStatistics();
        for (int i = 0; i < 9; i++) {
            r.addData(i, 2 * i + 1);
            s.addValue(i);
        }
        add("math-regression.ser", "clean", "commons-math", "SimpleRegression and SummaryStatistics", r, s);
        add("math-distributions.ser", "clean", "commons-math", "a distribution with its generator", new NormalDistribution(new org.apache.commons.math3.random.Well19937c(1), 0, 1, 1e-9));
    }

    public static void main(String[] a) throws Exception {
        out = Path.of(a[0]);
        platform();
        own();
        weka();
        math();
        finish();
    }
}
