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
}}

// Versions lists the interpreters and packages that the index was made from, as "name version".
func Versions() []string { return strings.Split(strings.TrimSpace(versionsData), "\n") }
