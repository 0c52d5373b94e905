//go:build !race

package sandbox

const (
	testMemory = 64 << 20
	raceOn     = false
)
