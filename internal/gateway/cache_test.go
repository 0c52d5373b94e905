package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestCache(t *testing.T) {
	c := newCache(10)
	var asked atomic.Int32
	fill := func() (any, error) {
		asked.Add(1)
		time.Sleep(time.Millisecond)
		return "value", nil
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if v, err := c.get("a", time.Hour, fill); v != "value" || err != nil {
				t.Errorf("%v, %v", v, err)
			}
		})
	}
	wg.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times at once", n)
	}
	c.forget("a")
	c.get("a", 0, fill)
	c.get("a", time.Hour, fill) // the one before is too old
	if n := asked.Load(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
	broken := errors.New("broken")
	if _, err := c.get("b", time.Hour, func() (any, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if v, err := c.get("b", time.Hour, fill); v != "value" || err != nil {
		t.Errorf("an error was kept: %v", err)
	}
	for i := range 100 {
		c.get(fmt.Sprint(i), time.Hour, fill)
	}
	if len(c.entries) > 10 {
		t.Errorf("%d entries, at most 10 are wanted", len(c.entries))
	}
}

// TestCacheCanceled: who waits for another's answer is not cancelled with that one.
func TestCacheCanceled(t *testing.T) {
	c := newCache(10)
	begun, end := make(chan bool), make(chan bool)
	go c.get("a", time.Hour, func() (any, error) {
		close(begun)
		<-end
		return nil, context.Canceled
	})
	<-begun
	got := make(chan any)
	go func() {
		v, err := c.get("a", time.Hour, func() (any, error) { return "mine", nil })
		if err != nil {
			t.Error(err)
		}
		got <- v
	}()
	close(end)
	if v := <-got; v != "mine" {
		t.Errorf("got %v", v)
	}
}
