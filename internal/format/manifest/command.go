package manifest

import "weir"

// word is one word of a command with its place in the file.
type word struct {
	text string // quotes and escapes undone
	at   int    // offset of text in the bytes of the manifest; -1 where it does not stand there as it is
	line int
	open bool // some of it is only known when the command runs: a variable, a substitution
}

// installs gives what a command installs, and from where: pip in all its spellings, uv, poetry, pdm, pipenv, pipx, conda and its kin. The first
// word is the program; words before it that start it (sudo, env, time) are skipped. Nil of any other command.
func installs(t *text, words []word) []weir.Fact {
	return nil
}
