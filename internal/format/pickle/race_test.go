//go:build race

package pickle

// raceEnabled: the race detector makes loops some ten times slower, and there is one goroutine here.
const raceEnabled = true
