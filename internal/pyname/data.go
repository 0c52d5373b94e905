package pyname

import (
	_ "embed"
	"strings"
)

// The volumes: the standard library and everything that only the curated tables name, then one per large package. A module stands in one.
var (
	//go:embed data/python.bin
	pythonData string
	//go:embed data/numpy.bin
	numpyData string
	//go:embed data/scipy.bin
	scipyData string
	//go:embed data/pandas.bin
	pandasData string
	//go:embed data/sklearn.bin
	sklearnData string
	//go:embed data/learn.bin
	learnData string
	//go:embed data/torch.bin
	torchData string

	//go:embed data/versions.txt
	versionsData string
)

// shipped is the index that Default gives; its volumes are read in place.
var shipped = Index{volumes: []volume{
	volume(pythonData), volume(numpyData), volume(scipyData), volume(pandasData), volume(sklearnData), volume(learnData), volume(torchData),
}, memo: &memo{}}

// volumeOf says which volume holds the modules of a package. gen/build.py divides them so.
func volumeOf(top string) int {
	switch top {
	case "numpy":
		return 1
	case "scipy":
		return 2
	case "pandas":
		return 3
	case "sklearn":
		return 4
	case "pytz", "dateutil", "joblib", "networkx", "lightgbm", "xgboost", "catboost", "h2o", "skops", "mlflow", "dill", "cloudpickle",
		"transformers", "accelerate", "trl":
		return 5
	case "torch", "torchvision", "functorch", "torchgen":
		return 6
	}
	return 0
}

// Versions lists the interpreters and packages that the index was made from, as "name version".
func Versions() []string { return strings.Split(strings.TrimSpace(versionsData), "\n") }
