package rule

import (
	"strings"

	"weir"
)

// role is the part that a class plays when an attacker builds objects of it.
type role uint8

const (
	roleNone    role = iota
	roleLink         // leads from a method that every object has (hashCode, compare, toString, invoke) on to another one's
	roleExecute      // runs code once it is reached
	roleWrite        // writes a file once it is reached
	roleConnect      // opens a connection or a port once it is reached
	roleName         // harmless as data; named in a stream it is there to be called by reflection
)

// gadget is a class that published attacks are made of: the family (as the documentation of ysoserial and the advisories call it) with the
// library's versions, what it does, and whether its own readObject does it.
type gadget struct {
	family string
	role   role
	self   bool
	what   string                // what reading it does, for people
	shape  func(weir.Class) bool // nil: any object of it
}

// gadgetOf gives what is known of a class.
func gadgetOf(name string) gadget {
	name = elementClass(name)
	if g, ok := gadgets[name]; ok {
		return g
	}
	for _, p := range gadgetPackages {
		if strings.HasPrefix(name, p.prefix) {
			return p.gadget
		}
	}
	return gadget{}
}

// elementClass gives the class of an array's elements, the name itself for what is none, and "" for an array of primitive values.
func elementClass(name string) string {
	if !strings.HasPrefix(name, "[") {
		return name
	}
	name = strings.TrimLeft(name, "[")
	if strings.HasPrefix(name, "L") && strings.HasSuffix(name, ";") {
		return name[1 : len(name)-1]
	}
	if len(name) == 1 {
		return ""
	}
	return name
}

// fieldOf gives a field of an object.
func fieldOf(c weir.Class, name string) (weir.Value, bool) {
	for _, f := range c.Fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return weir.Value{}, false
}

// hasField makes a shape: an object whose field is set.
func hasField(names ...string) func(weir.Class) bool {
	return func(c weir.Class) bool {
		for _, n := range names {
			if v, ok := fieldOf(c, n); ok && v.Kind != weir.ValueNone {
				return true
			}
		}
		return false
	}
}

// unresolved is the shape of a URL that has to find out its hash: it asks for the address of its host.
func unresolved(c weir.Class) bool {
	v, ok := fieldOf(c, "hashCode")
	n, isInt := v.Int()
	return ok && isInt && n == -1
}

// opensFile is the shape of a lambda that the Scala library made for a file.
func opensFile(c weir.Class) bool {
	v, _ := fieldOf(c, "implClass")
	return strings.HasPrefix(v.Text, "scala/sys/process/")
}

const (
	collections = "CommonsCollections (commons-collections up to 3.2.1, commons-collections4 4.0)"
	templates   = "TemplatesImpl (any JDK, xalan)"
	remote      = "RMI (any JDK)"
)

// gadgets holds the classes by name. Sources: the README of ysoserial (families, library versions), the advisories CVE-2015-7501 (commons-collections),
// CVE-2015-3253 (groovy), CVE-2016-1000031 (fileupload), CVE-2016-2510 (bsh), CVE-2017-20189 (clojure), CVE-2011-2894 (spring),
// CVE-2022-36944 (scala), CVE-2014-0114 (beanutils), and the classes' own sources.
var gadgets = map[string]gadget{
	"com.sun.org.apache.xalan.internal.xsltc.trax.TemplatesImpl": {templates, roleExecute, false, "defines and runs the classes that it carries", hasField("_bytecodes")},
	"org.apache.xalan.xsltc.trax.TemplatesImpl":                  {templates, roleExecute, false, "defines and runs the classes that it carries", hasField("_bytecodes")},
	"com.sun.org.apache.xalan.internal.xsltc.trax.TrAXFilter":    {templates, roleName, false, "opens TemplatesImpl when it is made", nil},

	"org.codehaus.groovy.runtime.MethodClosure":     {"Groovy (up to 2.4.3)", roleExecute, false, "calls a method by name", hasField("method")},
	"org.codehaus.groovy.runtime.ConvertedClosure":  {"Groovy (up to 2.4.3)", roleLink, false, "turns any call into a closure's", nil},
	"org.codehaus.groovy.runtime.ConversionHandler": {"Groovy (up to 2.4.3)", roleLink, false, "turns any call into a closure's", nil},
	"bsh.XThis$Handler":                             {"BeanShell (up to 2.0b5)", roleExecute, false, "runs a script for every call", nil},
	"bsh.XThis":                                     {"BeanShell (up to 2.0b5)", roleExecute, false, "runs a script for every call", nil},
	"clojure.main$eval_opt":                         {"Clojure (up to 1.8)", roleExecute, false, "evaluates text", nil},
	"clojure.core$eval":                             {"Clojure (up to 1.8)", roleExecute, false, "evaluates a form", nil},
	"org.python.core.PyFunction":                    {"Jython", roleExecute, false, "runs Python code for every call", nil},
	"org.mozilla.javascript.NativeJavaMethod":       {"MozillaRhino (js 1.7R2)", roleExecute, false, "calls a Java method", nil},
	"org.mozilla.javascript.MemberBox":              {"MozillaRhino (js 1.7R2)", roleExecute, false, "names a Java method to call", nil},

	"org.apache.commons.beanutils.BeanComparator":                         {"CommonsBeanutils (up to 1.9.4)", roleLink, false, "compares by calling getters", nil},
	"com.sun.syndication.feed.impl.ToStringBean":                          {"ROME (1.0)", roleLink, false, "makes text by calling getters", nil},
	"com.sun.syndication.feed.impl.EqualsBean":                            {"ROME (1.0)", roleLink, false, "hashes through toString", nil},
	"com.sun.syndication.feed.impl.ObjectBean":                            {"ROME (1.0)", roleLink, false, "hashes through toString", nil},
	"com.rometools.rome.feed.impl.ToStringBean":                           {"ROME (up to 1.11)", roleLink, false, "makes text by calling getters", nil},
	"com.rometools.rome.feed.impl.EqualsBean":                             {"ROME (up to 1.11)", roleLink, false, "hashes through toString", nil},
	"com.rometools.rome.feed.impl.ObjectBean":                             {"ROME (up to 1.11)", roleLink, false, "hashes through toString", nil},
	"org.apache.click.control.Column$ColumnComparator":                    {"Click (2.3.0)", roleLink, false, "compares by calling getters", nil},
	"com.vaadin.data.util.NestedMethodProperty":                           {"Vaadin (7)", roleLink, false, "reads a value by calling getters", nil},
	"com.vaadin.data.util.MethodProperty":                                 {"Vaadin (7)", roleLink, false, "reads a value by calling getters", nil},
	"com.vaadin.data.util.PropertysetItem":                                {"Vaadin (7)", roleLink, false, "makes text of its properties", nil},
	"net.sf.json.JSONObject":                                              {"JSON (json-lib 2.4)", roleLink, false, "reads the properties of beans", nil},
	"com.alibaba.fastjson.JSONObject":                                     {"Fastjson", roleLink, false, "makes text by calling getters", nil},
	"com.alibaba.fastjson.JSONArray":                                      {"Fastjson", roleLink, false, "makes text by calling getters", nil},
	"com.fasterxml.jackson.databind.node.POJONode":                        {"Jackson", roleLink, false, "makes text by calling getters", nil},
	"org.hibernate.engine.spi.TypedValue":                                 {"Hibernate (3 to 5)", roleLink, false, "hashes by calling getters", nil},
	"org.hibernate.type.ComponentType":                                    {"Hibernate (3 to 5)", roleLink, false, "hashes by calling getters", nil},
	"org.hibernate.tuple.component.PojoComponentTuplizer":                 {"Hibernate (3 to 5)", roleLink, false, "calls getters", nil},
	"org.hibernate.property.BasicPropertyAccessor$BasicGetter":            {"Hibernate (3 to 5)", roleLink, false, "calls a getter", nil},
	"org.hibernate.property.access.spi.GetterMethodImpl":                  {"Hibernate (5)", roleLink, false, "calls a getter", nil},
	"org.apache.myfaces.view.facelets.el.ValueExpressionMethodExpression": {"MyFaces (2)", roleExecute, false, "evaluates an expression to hash itself", nil},
	"org.apache.el.ValueExpressionImpl":                                   {"MyFaces (2)", roleExecute, false, "evaluates an expression", nil},
	"org.apache.el.MethodExpressionImpl":                                  {"MyFaces (2)", roleExecute, false, "evaluates an expression", nil},
	"com.sun.el.ValueExpressionImpl":                                      {"MyFaces (2)", roleExecute, false, "evaluates an expression", nil},
	"com.sun.el.MethodExpressionImpl":                                     {"MyFaces (2)", roleExecute, false, "evaluates an expression", nil},

	"org.springframework.core.SerializableTypeWrapper$MethodInvokeTypeProvider":                        {"Spring (spring-core up to 4.1.4)", roleExecute, true, "calls a method by name while it is read", hasField("methodName")},
	"org.springframework.aop.framework.JdkDynamicAopProxy":                                             {"Spring", roleLink, false, "passes any call on to its target", nil},
	"org.springframework.aop.target.HotSwappableTargetSource":                                          {"Spring", roleLink, false, "compares its targets", nil},
	"org.springframework.beans.factory.support.AutowireUtils$ObjectFactoryDelegatingInvocationHandler": {"Spring", roleLink, false, "passes any call on", nil},
	"org.springframework.transaction.jta.JtaTransactionManager":                                        {"Spring (spring-tx)", roleConnect, true, "looks up a name in a directory while it is read", hasField("userTransactionName", "transactionManagerName", "transactionSynchronizationRegistryName")},
	"org.jboss.interceptor.proxy.InterceptorMethodHandler":                                             {"JBossInterceptors (2.0.0)", roleExecute, true, "runs an interceptor while it is read", nil},
	"org.jboss.weld.interceptor.proxy.InterceptorMethodHandler":                                        {"JavassistWeld (weld 1.1.33)", roleExecute, true, "runs an interceptor while it is read", nil},

	"com.sun.rowset.JdbcRowSetImpl":                                 {"JNDI (JdbcRowSetImpl, any JDK)", roleConnect, false, "looks up a name in a directory", hasField("dataSource", "URL")},
	"com.sun.jndi.ldap.LdapAttribute":                               {"JNDI (any JDK)", roleConnect, false, "looks up a name in a directory", nil},
	"com.mchange.v2.naming.ReferenceIndirector$ReferenceSerialized": {"C3P0 (up to 0.9.5.2)", roleExecute, false, "resolves a reference, loading its factory class from a URL", nil},
	"com.mchange.v2.c3p0.PoolBackedDataSource":                      {"C3P0 (up to 0.9.5.2)", roleLink, true, "resolves a reference while it is read", nil},
	"com.mchange.v2.c3p0.impl.PoolBackedDataSourceBase":             {"C3P0 (up to 0.9.5.2)", roleLink, true, "resolves a reference while it is read", nil},
	"com.mchange.v2.c3p0.WrapperConnectionPoolDataSource":           {"C3P0 (up to 0.9.5.2)", roleLink, false, "holds a second stream as text", nil},
	"com.mchange.v2.c3p0.JndiRefForwardingDataSource":               {"C3P0 (up to 0.9.5.2)", roleConnect, false, "looks up a name in a directory", nil},
	"javax.naming.Reference":                                        {"JNDI references", roleLink, false, "names a factory class and where to load it from", nil},
	"org.apache.naming.ResourceRef":                                 {"JNDI references (Tomcat)", roleLink, false, "names a factory class", nil},
	"java.rmi.server.RemoteObjectInvocationHandler":                 {remote, roleConnect, true, "registers with a server, whose answer is a stream too (JRMPClient)", nil},
	"java.rmi.server.UnicastRemoteObject":                           {remote, roleConnect, true, "opens a port that takes streams (JRMPListener)", nil},
	"sun.rmi.server.ActivationGroupImpl":                            {remote, roleConnect, true, "opens a port that takes streams (JRMPListener)", nil},
	"sun.rmi.registry.RegistryImpl_Stub":                            {remote, roleConnect, true, "registers with a server, whose answer is a stream too", nil},
	"sun.rmi.transport.DGCImpl_Stub":                                {remote, roleConnect, true, "registers with a server, whose answer is a stream too", nil},
	"java.rmi.server.RemoteStub":                                    {remote, roleLink, false, "is a reference to a server", nil},
	"java.rmi.server.RemoteObject":                                  {remote, roleLink, false, "is a reference to a server", nil},
	"java.rmi.MarshalledObject":                                     {remote, roleLink, false, "holds a second stream", nil},
	"javax.management.remote.rmi.RMIConnectionImpl_Stub":            {remote, roleConnect, true, "registers with a server", nil},
	"java.security.SignedObject":                                    {"SignedObject (any JDK)", roleLink, false, "holds a second stream, which its getter reads", nil},
	"java.net.URL":                                                  {"URLDNS (any JDK)", roleNone, false, "asks for the address of its host to find out its hash", unresolved},

	"org.apache.commons.fileupload.disk.DiskFileItem":                {"FileUpload (commons-fileupload up to 1.3.2)", roleWrite, true, "writes its content into a folder that it names while it is read", nil},
	"org.apache.wicket.util.upload.DiskFileItem":                     {"Wicket (up to 6.23.0)", roleWrite, true, "writes its content into a folder that it names while it is read", nil},
	"org.apache.tomcat.util.http.fileupload.disk.DiskFileItem":       {"FileUpload (Tomcat)", roleWrite, true, "writes its content into a folder that it names while it is read", nil},
	"org.aspectj.weaver.tools.cache.SimpleCache$StoreableCachingMap": {"AspectJWeaver (1.9.2)", roleWrite, false, "writes what is put into it to a file named by the key", nil},
	"java.lang.invoke.SerializedLambda":                              {"Scala (2.13 up to 2.13.8)", roleNone, false, "opens a file for writing when it is called", opensFile},
	"scala.collection.immutable.LazyList$SerializationProxy":         {"Scala (2.13 up to 2.13.8)", roleLink, true, "calls the function that it holds while it is read", nil},

	"sun.reflect.annotation.AnnotationInvocationHandler": {"AnnotationInvocationHandler (JDK up to 8u71)", roleLink, false, "walks the map that it holds while it is read", nil},
	"javax.management.BadAttributeValueExpException":     {"BadAttributeValueExpException (JDK up to 14)", roleLink, false, "makes text of what it holds while it is read", nil},
	"javax.swing.event.EventListenerList":                {"EventListenerList (any JDK)", roleLink, false, "makes text of what it holds while it is read", nil},
	"javax.swing.UIDefaults$TextAndMnemonicHashMap":      {"TextAndMnemonicHashMap (any JDK)", roleLink, false, "makes text of its keys", nil},
	"com.sun.org.apache.xpath.internal.objects.XString":  {"XString (any JDK)", roleLink, false, "compares by making text", nil},
	"java.beans.beancontext.BeanContextSupport":          {"BeanContextSupport (JDK 8u20)", roleLink, false, "reads objects and swallows their exceptions", nil},
	"javax.imageio.ImageIO$ContainsFilter":               {"ImageIO (any JDK)", roleExecute, false, "calls a method by name", nil},

	"java.lang.Runtime":                {"reflection", roleName, false, "starts processes", nil},
	"java.lang.ProcessBuilder":         {"reflection", roleName, false, "starts processes", nil},
	"java.lang.ClassLoader":            {"reflection", roleName, false, "defines classes", nil},
	"java.net.URLClassLoader":          {"reflection", roleName, false, "loads classes from a URL", nil},
	"javax.script.ScriptEngineManager": {"reflection", roleName, false, "finds script engines", nil},
	"java.io.FileOutputStream":         {"reflection", roleName, false, "opens a file for writing", nil},
}

// gadgetPackages holds what is said of all other classes of a package.
var gadgetPackages = []struct {
	prefix string
	gadget
}{
	{"org.apache.commons.collections.functors.InvokerTransformer", gadget{collections, roleExecute, false, "calls a method by name", hasField("iMethodName")}},
	{"org.apache.commons.collections4.functors.InvokerTransformer", gadget{collections, roleExecute, false, "calls a method by name", hasField("iMethodName")}},
	{"org.apache.commons.collections.functors.Instantiate", gadget{collections, roleExecute, false, "calls a constructor", nil}},
	{"org.apache.commons.collections4.functors.Instantiate", gadget{collections, roleExecute, false, "calls a constructor", nil}},
	{"org.apache.commons.collections.functors.PrototypeFactory", gadget{collections, roleExecute, false, "clones or reads a second stream", nil}},
	{"org.apache.commons.collections4.functors.PrototypeFactory", gadget{collections, roleExecute, false, "clones or reads a second stream", nil}},
	{"org.apache.commons.collections.functors.", gadget{collections, roleLink, false, "passes values on to other functions", nil}},
	{"org.apache.commons.collections4.functors.", gadget{collections, roleLink, false, "passes values on to other functions", nil}},
	{"org.apache.commons.collections.map.LazyMap", gadget{collections, roleLink, false, "computes the values that are asked for", nil}},
	{"org.apache.commons.collections4.map.LazyMap", gadget{collections, roleLink, false, "computes the values that are asked for", nil}},
	{"org.apache.commons.collections.map.DefaultedMap", gadget{collections, roleLink, false, "computes the values that are asked for", nil}},
	{"org.apache.commons.collections4.map.DefaultedMap", gadget{collections, roleLink, false, "computes the values that are asked for", nil}},
	{"org.apache.commons.collections.map.Transformed", gadget{collections, roleLink, false, "computes the values that are set", nil}},
	{"org.apache.commons.collections4.map.Transformed", gadget{collections, roleLink, false, "computes the values that are set", nil}},
	{"org.apache.commons.collections.keyvalue.TiedMapEntry", gadget{collections, roleLink, false, "hashes by asking a map", nil}},
	{"org.apache.commons.collections4.keyvalue.TiedMapEntry", gadget{collections, roleLink, false, "hashes by asking a map", nil}},
	{"org.apache.commons.collections.comparators.Transform", gadget{collections, roleLink, false, "compares what a function makes", nil}},
	{"org.apache.commons.collections4.comparators.Transform", gadget{collections, roleLink, false, "compares what a function makes", nil}},
	{"org.apache.commons.collections.Transformer", gadget{collections, roleLink, false, "is a function", nil}},
	{"org.apache.commons.collections4.Transformer", gadget{collections, roleLink, false, "is a function", nil}},
	{"clojure.core$", gadget{"Clojure (up to 1.8)", roleLink, false, "is a function", nil}},
	{"clojure.inspector.proxy$", gadget{"Clojure (up to 1.8)", roleLink, false, "hashes by calling a function", nil}},
	{"bsh.", gadget{"BeanShell (up to 2.0b5)", roleLink, false, "is part of a script", nil}},
	{"org.python.core.", gadget{"Jython", roleLink, false, "is part of a Python program", nil}},
	{"org.mozilla.javascript.", gadget{"MozillaRhino (js 1.7R2)", roleLink, false, "is part of a script", nil}},
	{"scala.sys.process.", gadget{"Scala", roleName, false, "starts processes and opens files", nil}},
}
