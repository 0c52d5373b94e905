package detonate

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// bait is the working folder of a detonation, outside: what lies in it must lie there unchanged afterwards.
type bait struct{ dir string }

// canaryName is the file that lies in the working folder, and canaryText what it says.
const canaryName, canaryText = "canary.txt", "weir planted this file. Nothing that loads a model has business here.\n"

// untouched is what a harmless load leaves the bait.
const untouched = "untouched"

func layBait(dir string) (*bait, error) {
	work := filepath.Join(dir, "work")
	// The jail's process may run as another user, who must be able to read here.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.Mkdir(work, 0o755); err != nil {
		return nil, err
	}
	return &bait{work}, os.WriteFile(filepath.Join(work, canaryName), []byte(canaryText), 0o644)
}

// touched says what became of the bait.
func (b *bait) touched() string {
	text, err := os.ReadFile(filepath.Join(b.dir, canaryName))
	switch {
	case os.IsNotExist(err):
		return "deleted"
	case err != nil:
		return "unreadable"
	case !bytes.Equal(text, []byte(canaryText)):
		return "changed"
	}
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return "unreadable"
	}
	var more []string
	for _, e := range entries {
		if e.Name() != canaryName {
			more = append(more, e.Name())
		}
	}
	if slices.Sort(more); len(more) > 0 {
		return "joined by " + strings.Join(more, ", ")
	}
	return untouched
}

// planted are the secrets of the private home, all made up: path below the home → content. Whoever reads one is after secrets.
func planted() map[string][]byte {
	const fake = "weir-planted-this-it-opens-nothing"
	m := map[string]string{
		".aws/credentials":           "[default]\naws_access_key_id = " + fake + "\naws_secret_access_key = " + fake + "\n",
		".ssh/id_ed25519":            fake + "\n",
		".ssh/config":                "Host *\n",
		".netrc":                     "machine example.org login weir password " + fake + "\n",
		".git-credentials":           "https://weir:" + fake + "@example.org\n",
		".docker/config.json":        `{"auths":{}}` + "\n",
		".kube/config":               "apiVersion: v1\nkind: Config\nclusters: []\n",
		".pypirc":                    "[distutils]\n# " + fake + "\n",
		".cache/huggingface/token":   fake + "\n",
		".config/gcloud/credentials": fake + "\n",
		".bash_history":              "ls\n",
		".bashrc":                    "# " + fake + "\n",
		".profile":                   "# " + fake + "\n",
		"Documents/canary.txt":       canaryText,
	}
	out := map[string][]byte{}
	for k, v := range m {
		out[k] = []byte(v)
	}
	return out
}
