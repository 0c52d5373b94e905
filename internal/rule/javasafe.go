package rule

import (
	"slices"
	"strings"

	"weir"
)

// javaValues are classes of the platform that hold values and run nothing of what they hold but its hashCode, equals and compareTo when they are read.
var javaValues = set(`
java.lang.Boolean java.lang.Byte java.lang.Character java.lang.Class java.lang.Double java.lang.Enum java.lang.Float java.lang.Integer java.lang.Long
java.lang.Number java.lang.Object java.lang.Short java.lang.StackTraceElement java.lang.String java.lang.String$CaseInsensitiveComparator java.lang.StringBuffer
java.lang.StringBuilder java.lang.Throwable java.lang.Comparable java.lang.reflect.Proxy java.lang.reflect.InvocationHandler java.io.Serializable java.lang.Cloneable java.lang.CharSequence
java.math.BigDecimal java.math.BigInteger java.math.MathContext
java.io.File java.net.URI java.net.InetAddress java.net.Inet4Address java.net.Inet6Address java.net.InetSocketAddress java.net.URL
java.util.AbstractList java.util.AbstractMap java.util.AbstractMap$SimpleEntry java.util.AbstractMap$SimpleImmutableEntry java.util.ArrayDeque java.util.ArrayList
java.util.Arrays$ArrayList java.util.BitSet java.util.Calendar java.util.CollSer java.util.Currency java.util.Date java.util.EnumMap java.util.EnumSet
java.util.EnumSet$SerializationProxy java.util.RegularEnumSet java.util.JumboEnumSet java.util.GregorianCalendar java.util.HashMap java.util.HashSet java.util.Hashtable
java.util.IdentityHashMap java.util.LinkedHashMap java.util.LinkedHashSet java.util.LinkedList java.util.Locale java.util.PriorityQueue java.util.Properties
java.util.Random java.util.SimpleTimeZone java.util.Stack java.util.TimeZone java.util.TreeMap java.util.TreeSet java.util.UUID java.util.Vector
java.util.Comparators$NaturalOrderComparator java.util.Map java.util.List java.util.Set java.util.Collection java.util.Map$Entry java.util.Comparator
java.util.OptionalInt java.util.OptionalDouble java.util.IntSummaryStatistics java.util.DoubleSummaryStatistics java.util.StringJoiner
java.util.concurrent.ConcurrentHashMap java.util.concurrent.ConcurrentHashMap$Segment java.util.concurrent.ConcurrentLinkedQueue java.util.concurrent.ConcurrentLinkedDeque
java.util.concurrent.ConcurrentSkipListMap java.util.concurrent.ConcurrentSkipListSet java.util.concurrent.CopyOnWriteArrayList java.util.concurrent.CopyOnWriteArraySet
java.util.concurrent.LinkedBlockingQueue java.util.concurrent.LinkedBlockingDeque java.util.concurrent.ArrayBlockingQueue java.util.concurrent.PriorityBlockingQueue
java.util.concurrent.TimeUnit java.util.concurrent.Semaphore
java.util.concurrent.atomic.AtomicBoolean java.util.concurrent.atomic.AtomicInteger java.util.concurrent.atomic.AtomicIntegerArray java.util.concurrent.atomic.AtomicLong
java.util.concurrent.atomic.AtomicLongArray java.util.concurrent.atomic.AtomicReference java.util.concurrent.atomic.DoubleAdder java.util.concurrent.atomic.LongAdder
java.util.concurrent.locks.AbstractOwnableSynchronizer java.util.concurrent.locks.AbstractQueuedSynchronizer
java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject java.util.concurrent.locks.ReentrantLock java.util.concurrent.locks.ReentrantLock$NonfairSync
java.util.concurrent.locks.ReentrantLock$FairSync java.util.concurrent.locks.ReentrantLock$Sync java.util.concurrent.locks.ReentrantReadWriteLock
java.util.concurrent.locks.ReentrantReadWriteLock$NonfairSync java.util.concurrent.locks.ReentrantReadWriteLock$Sync java.util.concurrent.locks.ReentrantReadWriteLock$ReadLock
java.util.concurrent.locks.ReentrantReadWriteLock$WriteLock java.util.concurrent.locks.ReentrantReadWriteLock$Sync$ThreadLocalHoldCounter
java.util.regex.Pattern java.text.DecimalFormat java.text.DecimalFormatSymbols java.text.Format java.text.NumberFormat java.text.DateFormat java.text.DateFormatSymbols
java.text.SimpleDateFormat java.text.MessageFormat java.text.AttributedCharacterIterator$Attribute java.sql.Timestamp java.sql.Date java.sql.Time
sun.util.calendar.ZoneInfo java.time.Ser java.time.chrono.Ser java.time.zone.Ser
boolean byte char double float int long short void`)

// libraryValues are the classes that real models of weka 3.8.6 and commons-math 3.6.1 consist of (testdata/make/java). None of them, nor any of their superclasses, has a
// readObject, readResolve, readExternal, validateObject or finalize of its own.
var libraryValues = set(`
org.apache.commons.math3.analysis.polynomials.PolynomialFunction org.apache.commons.math3.distribution.AbstractIntegerDistribution
org.apache.commons.math3.distribution.AbstractRealDistribution org.apache.commons.math3.distribution.ExponentialDistribution
org.apache.commons.math3.distribution.GammaDistribution org.apache.commons.math3.distribution.NormalDistribution
org.apache.commons.math3.distribution.PoissonDistribution org.apache.commons.math3.linear.Array2DRowRealMatrix
org.apache.commons.math3.linear.ArrayRealVector org.apache.commons.math3.linear.BlockRealMatrix org.apache.commons.math3.random.AbstractWell
org.apache.commons.math3.random.BitsStreamGenerator org.apache.commons.math3.random.RandomDataGenerator org.apache.commons.math3.random.RandomDataImpl
org.apache.commons.math3.random.Well19937c org.apache.commons.math3.stat.descriptive.SummaryStatistics
org.apache.commons.math3.stat.descriptive.moment.FirstMoment org.apache.commons.math3.stat.descriptive.moment.GeometricMean
org.apache.commons.math3.stat.descriptive.moment.Mean org.apache.commons.math3.stat.descriptive.moment.SecondMoment
org.apache.commons.math3.stat.descriptive.moment.Variance org.apache.commons.math3.stat.descriptive.rank.Max
org.apache.commons.math3.stat.descriptive.rank.Min org.apache.commons.math3.stat.descriptive.summary.Sum
org.apache.commons.math3.stat.descriptive.summary.SumOfLogs org.apache.commons.math3.stat.descriptive.summary.SumOfSquares
org.apache.commons.math3.stat.regression.SimpleRegression
weka.classifiers.AbstractClassifier weka.classifiers.Classifier weka.classifiers.IteratedSingleClassifierEnhancer
weka.classifiers.ParallelIteratedSingleClassifierEnhancer weka.classifiers.RandomizableIteratedSingleClassifierEnhancer
weka.classifiers.RandomizableParallelIteratedSingleClassifierEnhancer weka.classifiers.SingleClassifierEnhancer
weka.classifiers.bayes.NaiveBayes weka.classifiers.functions.Logistic weka.classifiers.functions.MultilayerPerceptron
weka.classifiers.functions.MultilayerPerceptron$NeuralEnd weka.classifiers.functions.SMO weka.classifiers.functions.SMO$BinarySMO
weka.classifiers.functions.neural.LinearUnit weka.classifiers.functions.neural.NeuralConnection weka.classifiers.functions.neural.NeuralNode
weka.classifiers.functions.neural.SigmoidUnit weka.classifiers.functions.supportVector.CachedKernel
weka.classifiers.functions.supportVector.Kernel weka.classifiers.functions.supportVector.PolyKernel weka.classifiers.lazy.IBk
weka.classifiers.meta.AdaBoostM1 weka.classifiers.meta.Bagging weka.classifiers.rules.JRip weka.classifiers.rules.JRip$Antd
weka.classifiers.rules.JRip$NumericAntd weka.classifiers.rules.JRip$RipperRule weka.classifiers.rules.Rule weka.classifiers.rules.RuleStats
weka.classifiers.rules.ZeroR weka.classifiers.trees.DecisionStump weka.classifiers.trees.J48 weka.classifiers.trees.RandomForest
weka.classifiers.trees.RandomTree weka.classifiers.trees.RandomTree$Tree weka.classifiers.trees.j48.C45ModelSelection
weka.classifiers.trees.j48.C45PruneableClassifierTree weka.classifiers.trees.j48.C45Split weka.classifiers.trees.j48.ClassifierSplitModel
weka.classifiers.trees.j48.ClassifierTree weka.classifiers.trees.j48.Distribution weka.classifiers.trees.j48.ModelSelection
weka.classifiers.trees.j48.NoSplit weka.clusterers.AbstractClusterer weka.clusterers.RandomizableClusterer weka.clusterers.SimpleKMeans
weka.core.AbstractInstance weka.core.Attribute weka.core.AttributeLocator weka.core.DenseInstance weka.core.EuclideanDistance
weka.core.Instances weka.core.NominalAttributeInfo weka.core.NormalizableDistance weka.core.Queue weka.core.Range weka.core.RelationalLocator
weka.core.StringLocator weka.core.neighboursearch.LinearNNSearch weka.core.neighboursearch.NearestNeighbourSearch
weka.estimators.DiscreteEstimator weka.estimators.Estimator weka.estimators.NormalEstimator weka.filters.Filter
weka.filters.supervised.attribute.ClassOrder weka.filters.unsupervised.attribute.NominalToBinary
weka.filters.unsupervised.attribute.Normalize weka.filters.unsupervised.attribute.PotentialClassIgnorer
weka.filters.unsupervised.attribute.Remove weka.filters.unsupervised.attribute.RemoveUseless
weka.filters.unsupervised.attribute.ReplaceMissingValues`)

// isValue reports whether reading an object of a class, or only resolving it, runs nothing that could be turned against the reader.
func isValue(c weir.Class) bool {
	if c.How == weir.ClassProxy {
		return false
	}
	name := elementClass(c.Name)
	switch {
	case name == "" || javaValues[name] || libraryValues[name]:
		return true
	case !strings.HasPrefix(name, "java."):
		return false
	case strings.HasPrefix(name, "java.util.Collections$"), strings.HasPrefix(name, "java.time."):
		return true
	case c.How == weir.ClassEnum, c.Flags&0x10 != 0: // SC_ENUM: a constant that is looked up by its name
		return true
	case strings.HasSuffix(name, "Exception"), strings.HasSuffix(name, "Error"):
		return slices.Contains(c.Super, "java.lang.Throwable")
	}
	return false
}
