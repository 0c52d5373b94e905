//go:build generalrules

package main

// generalRulesOnly leaves out the checks that exist for one flaw: a build for the tests that measure what the general rules refuse.
const generalRulesOnly = true
