//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sandbox

import (
	"context"
	"testing"
)

func BenchmarkStart(b *testing.B) {
	for name, bare := range map[string]bool{"bare": true, "locked": false} {
		b.Run(name, func(b *testing.B) {
			p := newTestPool(b, func(c *Config) { c.NoLockdown = bare })
			for b.Loop() {
				w, _, err := p.start()
				if err != nil {
					b.Fatal(err)
				}
				p.bury(w)
			}
		})
	}
}

func BenchmarkJob(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, c := range []struct{ name, req string }{{"empty", "nothing"}, {"one-frame", "echo x"}, {"ten-frames", "frames 10"}} {
		b.Run(c.name, func(b *testing.B) {
			p := newTestPool(b, nil)
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Do(ctx, []byte(c.req), nil, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
