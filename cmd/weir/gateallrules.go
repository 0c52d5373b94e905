//go:build !generalrules

package main

const generalRulesOnly = false
