package intake

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weir"
	"weir/internal/store"
)

// ErrNotHeld says that there is no such item in quarantine.
var ErrNotHeld = errors.New("nothing with this number is in quarantine")

// Vault is the quarantine: encrypted files below "quarantine" and a record of each in the store. The gate and the commands that look after
// it may have it open at the same time.
type Vault struct {
	// Apart is set where no audit log is at hand: decisions are marked as not written down, and the gate does that when it sees them.
	Apart bool

	dir   string
	store Store
	key   []byte
}

// OpenVault opens the quarantine in an intake's folder and makes its key when there is none. The key is a file of mode 0600; one that others
// can read is an error.
func OpenVault(dir string, s Store) (*Vault, error) {
	v := &Vault{dir: filepath.Join(dir, "quarantine"), store: s}
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	key, err := readKey(filepath.Join(dir, "quarantine.key"))
	if err != nil {
		return nil, fmt.Errorf("key of the quarantine: %w", err)
	}
	v.key = key
	return v, nil
}

const keySize = 32

func readKey(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return makeKey(f)
	}
	if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%q can be read by others: chmod 600", name)
	}
	key, err := os.ReadFile(name)
	if err == nil && len(key) != keySize {
		err = fmt.Errorf("%q has %d bytes, not %d", name, len(key), keySize)
	}
	return key, err
}

func makeKey(f *os.File) ([]byte, error) {
	key := make([]byte, keySize)
	rand.Read(key)
	_, err := f.Write(key)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		os.Remove(f.Name()) // half a key would lock everything up that comes later
	}
	return key, err
}

// Put locks bytes up; without a reader only the record is kept, of what stays where it is. The same bytes on their way to the same place are kept once; their record counts the attempts.
func (v *Vault) Put(ctx context.Context, r io.Reader, h Held) (id string, err error) {
	h.State, h.Attempts, h.Time = store.StateHeld, 1, time.Now().UTC()
	o, found, err := v.store.HeldBytes(ctx, h.Digest, h.Server, h.To)
	if err != nil {
		return "", fmt.Errorf("quarantine: %w", err)
	}
	if found && o.State == store.StateHeld {
		o.Attempts++
		o.Time, o.Who, o.Report = h.Time, h.Who, h.Report
		return o.ID, v.store.Hold(ctx, o)
	}
	h.ID = "q-" + random()[:12]
	if r != nil {
		if err := v.write(h, r); err != nil {
			return "", fmt.Errorf("quarantine: %w", err)
		}
	}
	if err := v.store.Hold(ctx, h); err != nil {
		return "", fmt.Errorf("quarantine: %w", err)
	}
	return h.ID, nil
}

// write puts an item into its file: one line of JSON about it, then its bytes, all sealed. The name is given when all of it is on the disk.
func (v *Vault) write(h Held, r io.Reader) error {
	about, err := json.Marshal(h)
	if err != nil {
		return err
	}
	name := v.file(h.ID)
	f, err := os.OpenFile(name+".part", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = seal(f, v.key, io.MultiReader(strings.NewReader(string(about)+"\n"), r))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(name+".part", name)
	}
	if err != nil {
		os.Remove(name + ".part")
	}
	return err
}

var heldID = weir.Pattern(`^q-[0-9a-f]{12}$`)

func (v *Vault) file(id string) string { return filepath.Join(v.dir, id+".sealed") }

// List gives all items, newest first.
func (v *Vault) List(ctx context.Context) ([]Held, error) { return v.store.AllHeld(ctx) }

// Get gives one item's record; ErrNotHeld when there is none.
func (v *Vault) Get(ctx context.Context, id string) (Held, error) {
	h, found, err := v.store.Held(ctx, id)
	if err == nil && !found {
		err = ErrNotHeld
	}
	return h, err
}

// Open gives the bytes of an item, decrypted; the caller closes the reader. What it gives is hostile: write it where nothing loads it.
func (v *Vault) Open(id string) (io.ReadCloser, error) {
	_, r, err := v.open(id)
	return r, err
}

func (v *Vault) open(id string) (h Held, r io.ReadCloser, err error) {
	if !heldID().MatchString(id) {
		return h, nil, ErrNotHeld
	}
	f, err := os.Open(v.file(id))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = ErrNotHeld
		}
		return h, nil, err
	}
	plain, err := unseal(f, v.key)
	if err == nil {
		err = readLine(plain, &h)
	}
	if err != nil {
		f.Close()
		return h, nil, err
	}
	return h, struct {
		io.Reader
		io.Closer
	}{plain, f}, nil
}

// maxAbout bounds the record at the beginning of a sealed file.
const maxAbout = 1 << 20

func readLine(r io.Reader, h *Held) error {
	var line []byte
	var b [1]byte
	for len(line) < maxAbout {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return fmt.Errorf("%w: %w", errSealed, err)
		}
		if b[0] == '\n' {
			return json.Unmarshal(line, h)
		}
		line = append(line, b[0])
	}
	return errSealed
}

// Release lets the bytes of an item pass from now on, wherever they are sent, and keeps them and who decided why. The client sends them again.
func (v *Vault) Release(ctx context.Context, id, by, reason string) (Held, error) {
	return v.decide(ctx, id, by, reason, store.StateReleased)
}

// Delete destroys the bytes of an item and takes a release back; its record stays.
func (v *Vault) Delete(ctx context.Context, id, by, reason string) (Held, error) {
	return v.decide(ctx, id, by, reason, store.StateDeleted)
}

func (v *Vault) decide(ctx context.Context, id, by, reason, state string) (Held, error) {
	if strings.TrimSpace(reason) == "" {
		return Held{}, errors.New("a reason is needed")
	}
	h, err := v.Get(ctx, id)
	if err != nil {
		return h, err
	}
	if h.State == store.StateDeleted {
		return h, fmt.Errorf("%q was deleted", id)
	}
	waive := by + ": " + reason
	if state == store.StateDeleted {
		waive = ""
		if err := os.Remove(v.file(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return h, err
		}
	}
	if state == store.StateReleased || h.State == store.StateReleased {
		if err := v.store.Waive(ctx, h.Digest, waive); err != nil {
			return h, err
		}
	}
	h.State, h.By, h.Reason, h.Decided, h.Unlogged = state, by, reason, time.Now().UTC(), v.Apart
	return h, v.store.Hold(ctx, h)
}

// Log hands decisions that were made apart to write, and marks those that it took as written down.
func (v *Vault) Log(ctx context.Context, write func(Held) error) error {
	list, err := v.store.Unlogged(ctx)
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	for _, h := range list {
		if err := write(h); err != nil {
			return err
		}
		h.Unlogged = false
		if err := v.store.Hold(ctx, h); err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
	}
	return nil
}

// recover removes what was being written when a process was killed, and records files that have their name but no record yet.
func (v *Vault) recover(ctx context.Context) error {
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	for _, e := range entries {
		id, whole := strings.CutSuffix(e.Name(), ".sealed")
		if !whole {
			if err := os.Remove(filepath.Join(v.dir, e.Name())); err != nil {
				return fmt.Errorf("quarantine: %w", err)
			}
			continue
		}
		if _, found, err := v.store.Held(ctx, id); err != nil || found {
			if err != nil {
				return fmt.Errorf("quarantine: %w", err)
			}
			continue
		}
		h, r, err := v.open(id)
		if err != nil {
			continue // a damaged or foreign file is left for a person
		}
		r.Close()
		if err := v.store.Hold(ctx, h); err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
	}
	return nil
}
