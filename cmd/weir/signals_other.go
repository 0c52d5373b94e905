//go:build !unix

package main

// ignoreBrokenPipe has nothing to do: there is no such signal.
func ignoreBrokenPipe() {}
