//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sandbox

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func BenchmarkStart(b *testing.B) {
	for name, bare := range map[string]bool{"bare": true, "locked": false} {
		b.Run(name, func(b *testing.B) {
			p := newTestPool(b, func(c *Config) { c.NoLockdown = bare })
			for b.Loop() {
				w, err := p.start()
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

// BenchmarkScan is a scan's shape: as many workers as processors, each request a file of some work, some work in the parent as well.
func BenchmarkScan(b *testing.B) {
	spin := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); {
		}
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, callers := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			before := processorTime()
			p := newTestPool(b, func(c *Config) { c.Workers = runtime.NumCPU(); c.Time = time.Minute })
			var wg sync.WaitGroup
			var next atomic.Int64
			for range callers {
				wg.Go(func() {
					for next.Add(1) <= int64(b.N) {
						if err := p.Do(ctx, []byte("work 50"), []*os.File{f}, nil); err != nil {
							b.Error(err)
							return
						}
						spin(30 * time.Microsecond)
					}
				})
			}
			wg.Wait()
			p.Close() // counts its workers in
			b.ReportMetric(float64((processorTime()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

// processorTime is that of this process and its ended children, which a busy machine does not stretch as it does wall time.
func processorTime() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}
