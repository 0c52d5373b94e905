//go:build unix && !(linux || darwin || freebsd || dragonfly)

package intake

func diskFree(string) (int64, bool) { return 0, false }
