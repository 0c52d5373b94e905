package intake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// paced gives a block at each turn of a clock, and nothing more after so many.
type paced struct {
	block  []byte
	blocks int
	every  time.Duration
	stall  time.Duration // before the last block
}

func (p *paced) Read(b []byte) (int, error) {
	if p.blocks == 0 {
		return 0, io.EOF
	}
	if p.blocks--; p.blocks == 0 {
		time.Sleep(p.stall)
	}
	time.Sleep(p.every)
	return copy(b, p.block), nil
}

// TestTail: who reads a transfer along gets all of it but its end before it is let through, and all of it after; a cut one never comes to its end.
func TestTail(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB
	for _, pass := range []bool{true, false} {
		b := newBench(t)
		tail := NewTail(int64(len(content)))
		type result struct {
			got []byte
			err error
		}
		done := make(chan result, 1)
		started := make(chan bool, 1)
		go func() {
			started <- tail.Worthwhile()
			got, err := io.ReadAll(tail)
			done <- result{got, err}
		}()
		it, err := b.Spool(context.Background(), &paced{block: []byte(content[:bufferSize]), blocks: len(content) / bufferSize, every: time.Millisecond}, Meta{Name: "a.txt", Length: int64(len(content)), Tail: tail})
		if err != nil {
			t.Fatal(err)
		}
		if !<-started {
			t.Fatal("a quick transfer is not worth it")
		}
		for tail.Begins().(*io.SectionReader).Size() < int64(len(content))-tailHold {
			time.Sleep(time.Millisecond)
		}
		select {
		case r := <-done:
			t.Fatalf("it ended before it was let through: %d bytes, %v", len(r.got), r.err)
		default:
		}
		if pass {
			tail.Pass()
			tail.Cut() // too late
		} else {
			tail.Cut()
			tail.Pass() // too late
		}
		r := <-done
		switch {
		case pass && (r.err != nil || string(r.got) != content):
			t.Errorf("let through: %d bytes, %v", len(r.got), r.err)
		case !pass && (!errors.Is(r.err, ErrCut) || len(r.got) != len(content)-tailHold):
			t.Errorf("cut: %d bytes, %v", len(r.got), r.err)
		}
		if again, err := io.ReadAll(tail.Begins()); err != nil || !bytes.Equal(again, r.got) {
			t.Errorf("what was read cannot be read again: %d bytes, %v", len(again), err)
		}
		it.Discard()
		if err := tail.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestTailShort: a spool that lost its end never looks like the end of the transfer.
func TestTailShort(t *testing.T) {
	file := filepath.Join(t.TempDir(), "spooled")
	if err := os.WriteFile(file, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	tail := NewTail(8)
	defer tail.Close()
	tail.opened(file)
	tail.grew(8)
	tail.Pass()
	if got, err := io.ReadAll(tail); string(got) != "half" || !errors.Is(err, ErrCut) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestTailPace: a slow client is not read along before its end is near, and one that halts is given up.
func TestTailPace(t *testing.T) {
	block := make([]byte, bufferSize)
	const blocks = 80 // 10 MiB
	file := filepath.Join(t.TempDir(), "spooled")
	if err := os.WriteFile(file, make([]byte, blocks*bufferSize), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(p *paced) (left time.Duration, read int, err error) {
		b := newBench(t)
		synctest.Test(t, func(t *testing.T) {
			tail := NewTail(blocks * bufferSize)
			began := time.Now()
			var start time.Duration
			done := make(chan struct{})
			go func() {
				defer close(done)
				if !tail.Worthwhile() {
					t.Error("it was never worth it")
					return
				}
				start = time.Since(began)
				var got []byte
				got, err = io.ReadAll(tail)
				read = len(got)
			}()
			f := &bytes.Buffer{}
			it := &Item{Meta: Meta{Tail: tail}, n: b.Intake}
			tail.opened(file)
			if err := it.fill(t.Context(), f, p, 1<<30); err != nil {
				t.Error(err)
			}
			left = time.Since(began) - start
			tail.Pass()
			<-done
			tail.Close()
		})
		return left, read, err
	}
	if left, read, err := run(&paced{block: block, blocks: blocks, every: time.Second}); err != nil || read != blocks*bufferSize || left > tailSoon+time.Second || left == 0 {
		t.Errorf("a client that needs 80 s was read along for %s: %d bytes, %v", left, read, err)
	}
	if _, _, err := run(&paced{block: block, blocks: blocks, every: time.Millisecond, stall: time.Minute}); !errors.Is(err, ErrCut) {
		t.Errorf("a client that halts for a minute: %v", err)
	}
}
