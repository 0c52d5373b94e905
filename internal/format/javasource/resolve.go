package javasource

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// langTypes are the public types of java.lang that every source sees without an import (Java 8 to 21). One of them keeps its meaning in all
// methods but those that declare the name anew, so a declaration somewhere in the source does not hide it here.
var langTypes = func() map[string]bool {
	m := map[string]bool{}
	for _, s := range strings.Fields(`Appendable AutoCloseable CharSequence Cloneable Comparable Iterable ProcessHandle Readable Runnable StackWalker
		Boolean Byte Character Class ClassLoader ClassValue Compiler Double Enum Float InheritableThreadLocal Integer Long Math Module ModuleLayer Number
		Object Package Process ProcessBuilder Record Runtime RuntimePermission ScopedValue SecurityManager Short StackTraceElement StrictMath String
		StringBuffer StringBuilder System Thread ThreadGroup ThreadLocal Throwable Void ArithmeticException ArrayIndexOutOfBoundsException
		ArrayStoreException ClassCastException ClassNotFoundException CloneNotSupportedException Exception IllegalArgumentException
		IllegalStateException IndexOutOfBoundsException InterruptedException NegativeArraySizeException NullPointerException NumberFormatException
		ReflectiveOperationException RuntimeException SecurityException UnsupportedOperationException AssertionError Error ExceptionInInitializerError
		LinkageError OutOfMemoryError StackOverflowError Deprecated FunctionalInterface Override SafeVarargs SuppressWarnings`) {
		m[s] = true
	}
	return m
}()

// qualify gives a name in full as far as imports and java.lang say.
func (o *outline) qualify(chain []string) string {
	first, rest := chain[0], chain[1:]
	if full, ok := o.imported[first]; ok {
		first = full
	} else if upper(first) {
		switch {
		case langTypes[first]:
			first = "java.lang." + first
		case o.demand && !o.declared[first]:
			first = "*." + first
		}
	}
	return strings.Join(append([]string{first}, rest...), ".")
}

func upper(s string) bool {
	c, _ := utf8.DecodeRuneInString(s)
	return unicode.IsUpper(c)
}

// finish resolves what was used, now that it is known what the source declares, and drops what is its own.
func (o *outline) finish() {
	names := make([]string, len(o.raw))
	for i := range o.raw {
		u := &o.raw[i]
		names[i] = o.resolve(u, names)
		if names[i] == "" || len(o.out.Uses) >= maxUses {
			continue
		}
		u.Name = names[i]
		o.out.Uses = append(o.out.Uses, u.Use)
	}
}

// resolve names a use; empty when it is of something that the source declares.
func (o *outline) resolve(u *rawUse, names []string) string {
	member := "." + u.chain[len(u.chain)-1]
	switch {
	case u.recv >= 0 && names[u.recv] != "":
		if o.raw[u.recv].How == UseNew {
			return "new " + names[u.recv] + "()." + strings.Join(u.chain, ".")
		}
		return names[u.recv] + "()." + strings.Join(u.chain, ".")
	case u.recv != -2:
		return member
	}
	first := u.chain[0]
	if first == "this" || first == "super" {
		if len(u.chain) == 1 || o.declared[u.chain[1]] && len(u.chain) == 2 {
			return ""
		}
		return member
	}
	_, imported := o.imported[first]
	if imported || langTypes[first] || qualified(u.chain) && !o.outer[first] {
		return o.qualify(u.chain)
	}
	if o.declared[first] {
		if len(u.chain) == 1 || u.How != UseCall && u.How != UseReference || upper(first) {
			return ""
		}
		return member
	}
	if len(u.chain) == 1 && u.How == UseCall {
		if o.demand {
			return "*." + first
		}
		return member // inherited
	}
	return o.qualify(u.chain)
}

// qualified reports whether a name can only be a type with its package: java.lang.Runtime, or four and more words in small letters.
func qualified(chain []string) bool {
	for i, s := range chain {
		if upper(s) {
			return i > 0
		}
	}
	return len(chain) >= 4
}
