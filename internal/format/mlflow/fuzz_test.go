package mlflow

import (
	"slices"
	"testing"

	"weir"
)

// FuzzMLflow runs every parser of the family on anything: no panic, bounded facts, the same facts for the same input.
func FuzzMLflow(f *testing.F) {
	names := []string{
		"MLmodel", "h2o.yaml", "meta.yaml", "MLproject", "recipe.yaml", "profiles/x.yaml",
		"x.html", "x.py", "keras_module.txt", "steps.yaml", "settings.json",
	}
	for i, seed := range []string{
		"flavors:\n  python_function: {loader_module: a, code: &c code, data: *c}\n", "full_file: x\nmodel_file: y\ninit: {jvm_custom_args: [-x]}\n",
		"artifact_location: x\nexperiment_id: 1\n", "entry_points: {main: {command: \"a {b}\"}}\n", "recipe: {{ a | b('c') }}{% x %}{# y #}\n", "a: {{ b{#}",
		"<html><script>x</script><a onx=y>", "from a import (b as c)\ndef f(x=g('h' + \"i\")):\n\tc.d(__import__('e').f)\n", "os", "steps: [a]\n_type: b\n",
		`{"a": {"object_constructor": "b.c", "object_kwargs": {}}}`,
	} {
		f.Add(byte(i), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		name := names[int(which)%len(names)]
		_, one, err := parse(name, b)
		_, two, err2 := parse(name, b)
		if !slices.Equal(one, two) || (err == nil) != (err2 == nil) {
			t.Errorf("%q read twice differs", name)
		}
		if most := 4 * weir.DefaultLimits().Facts; len(one) > most {
			t.Errorf("%d facts", len(one))
		}
	})
}
