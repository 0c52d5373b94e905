package pickle

import "sync"

// Chunks of heaps that are no longer used. A folder holds thousands of small pickles and each of them carries bytes that are looked at as
// pickles too: the memory for their heaps was two fifths of all that was allocated for such a folder. Like spare chunks of a heap they are used as
// they are: a node is cleared when it is made and a value is written before it is read.
var (
	idleNodes = sync.Pool{New: func() any { return new([nodeChunk]node) }}
	idleVals  = sync.Pool{New: func() any { return new([valChunk]val) }}
)

func newNodes() []node { return idleNodes.Get().(*[nodeChunk]node)[:] }
func newVals() []val   { return idleVals.Get().(*[valChunk]val)[:] }

// release gives up the memory of a heap that is used no more.
func (h *heap) release() {
	h.reset()
	for _, c := range h.spareNodes {
		idleNodes.Put((*[nodeChunk]node)(c))
	}
	for _, c := range h.spareVals {
		idleVals.Put((*[valChunk]val)(c))
	}
	*h = heap{run: h.run}
}

// release gives up the memory of a session that has ended, and of its probes.
func (s *session) release() {
	s.heap.release()
	if s.prober != nil {
		s.prober.heap.release()
		s.prober = nil
	}
}
