//go:build race

package sandbox

// The race detector's shadow memory is no part of what a worker may hold.
const (
	testMemory = 0
	raceOn     = true
)
