package java

// claim says where an object tells how much it will hold: in a field, or in the block that its writeObject begins with (off is the end of a
// big-endian int there). Their readObject makes room for as many before the first one is read.
type claim struct {
	field string
	off   int
}

// trait is what is known of a class of the platform or of a widespread library: what its readObject does to the objects that it holds
// (from the sources of OpenJDK 8, 17 and 21, commons-collections 3.2.1 and 4.0, c3p0 0.9.5), so that their own methods run.
type trait struct {
	runs       []string
	structural bool // its hashCode and equals ask each of its elements
	claim      claim
}

var (
	hashes   = []string{"hashCode", "equals"}
	compares = []string{"compare", "compareTo"}
)

var traitsOf = map[string]trait{
	"java.util.HashMap":                          {hashes, true, claim{off: 8}},
	"java.util.LinkedHashMap":                    {hashes, true, claim{}},
	"java.util.HashSet":                          {hashes, true, claim{off: 12}},
	"java.util.LinkedHashSet":                    {hashes, true, claim{}},
	"java.util.Hashtable":                        {hashes, true, claim{off: 8}},
	"java.util.Properties":                       {hashes, true, claim{}},
	"java.util.concurrent.ConcurrentHashMap":     {hashes, true, claim{}},
	"java.util.EnumMap":                          {nil, true, claim{}},
	"java.util.IdentityHashMap":                  {nil, true, claim{field: "size"}},
	"java.util.ArrayList":                        {nil, true, claim{field: "size"}},
	"java.util.LinkedList":                       {nil, true, claim{}},
	"java.util.Vector":                           {nil, true, claim{}},
	"java.util.Arrays$ArrayList":                 {nil, true, claim{}},
	"java.util.ArrayDeque":                       {nil, false, claim{off: 4}},
	"java.util.TreeMap":                          {nil, true, claim{}}, // a sorted row is taken as it comes: nothing is compared
	"java.util.TreeSet":                          {nil, true, claim{}},
	"java.util.CollSer":                          {hashes, true, claim{off: 4}}, // List.of, Set.of, Map.of
	"java.util.concurrent.CopyOnWriteArrayList":  {nil, true, claim{off: 4}},
	"java.util.PriorityQueue":                    {compares, false, claim{field: "size"}},
	"java.util.concurrent.PriorityBlockingQueue": {compares, false, claim{}},
	"java.util.concurrent.ConcurrentSkipListMap": {compares, true, claim{}},
	"java.util.Collections$SetFromMap":           {nil, true, claim{}},
	"java.util.Collections$UnmodifiableMap":      {nil, true, claim{}},
	"java.util.Collections$SynchronizedMap":      {nil, true, claim{}},
	"java.util.Collections$UnmodifiableSet":      {nil, true, claim{}},
	"java.util.Collections$SynchronizedSet":      {nil, true, claim{}},
	"java.util.Collections$UnmodifiableList":     {nil, true, claim{}},
	"java.util.Collections$SynchronizedList":     {nil, true, claim{}},
	"java.util.Collections$SingletonList":        {nil, true, claim{}},
	"java.util.Collections$SingletonSet":         {nil, true, claim{}},
	"java.util.Collections$SingletonMap":         {nil, true, claim{}},
	"java.util.AbstractMap$SimpleEntry":          {nil, true, claim{}},
	"java.util.AbstractMap$SimpleImmutableEntry": {nil, true, claim{}},

	"javax.management.BadAttributeValueExpException":                            {[]string{"toString"}, false, claim{}}, // until JDK 14
	"javax.swing.event.EventListenerList":                                       {[]string{"toString"}, false, claim{}}, // in the message of its exception
	"javax.swing.UIDefaults":                                                    {hashes, false, claim{}},
	"javax.swing.UIDefaults$TextAndMnemonicHashMap":                             {[]string{"toString"}, false, claim{}},
	"sun.reflect.annotation.AnnotationInvocationHandler":                        {[]string{"entrySet"}, false, claim{}},
	"java.beans.beancontext.BeanContextSupport":                                 {[]string{"readObject"}, false, claim{}},
	"org.apache.commons.collections.map.Flat3Map":                               {hashes, false, claim{}},
	"org.apache.commons.collections4.map.Flat3Map":                              {hashes, false, claim{}},
	"org.apache.commons.collections.map.HashedMap":                              {hashes, true, claim{}},
	"org.apache.commons.collections4.map.HashedMap":                             {hashes, true, claim{}},
	"org.apache.commons.collections.map.ReferenceMap":                           {hashes, true, claim{}},
	"org.apache.commons.collections4.map.ReferenceMap":                          {hashes, true, claim{}},
	"org.apache.commons.collections.bag.HashBag":                                {hashes, false, claim{}},
	"org.apache.commons.collections4.bag.HashBag":                               {hashes, false, claim{}},
	"org.apache.commons.collections.bag.TreeBag":                                {compares, false, claim{}},
	"org.apache.commons.collections4.bag.TreeBag":                               {compares, false, claim{}},
	"org.apache.commons.collections.bidimap.DualTreeBidiMap":                    {compares, false, claim{}},
	"org.apache.commons.collections4.bidimap.DualTreeBidiMap":                   {compares, false, claim{}},
	"org.apache.commons.collections.bidimap.DualHashBidiMap":                    {hashes, false, claim{}},
	"org.apache.commons.collections4.bidimap.DualHashBidiMap":                   {hashes, false, claim{}},
	"com.mchange.v2.c3p0.impl.PoolBackedDataSourceBase":                         {[]string{"getObject"}, false, claim{}},
	"org.springframework.core.SerializableTypeWrapper$MethodInvokeTypeProvider": {[]string{"getType"}, false, claim{}},
	"org.jboss.interceptor.proxy.InterceptorMethodHandler":                      {[]string{"executeInterception"}, false, claim{}},
	"org.jboss.weld.interceptor.proxy.InterceptorMethodHandler":                 {[]string{"executeInterception"}, false, claim{}},
}

// boxes are the classes that hold one primitive value in one field.
var boxes = map[string]bool{
	"java.lang.Boolean": true, "java.lang.Byte": true, "java.lang.Character": true, "java.lang.Double": true, "java.lang.Float": true,
	"java.lang.Integer": true, "java.lang.Long": true, "java.lang.Short": true,
}

// traits looks up what is known of a class by its name.
func (p *parser) traits(d *desc) {
	t := traitsOf[d.name]
	d.structural, d.claim = t.structural, t.claim
	if d.flags&scWriteMethod != 0 {
		d.runs = append(d.runs, "readObject")
	}
	if d.flags&scExternalizable != 0 {
		d.runs = append(d.runs, "readExternal")
	}
	d.runs = append(d.runs, t.runs...)
	d.boxed = boxes[d.name] && len(d.fields) == 1
}
