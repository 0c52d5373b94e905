package java

// cell is what is kept of a handle.
type cell struct {
	class int32 // index of an object's class from 1 on, isText for a string, 0 for what needs no memory
	cost  float32
}

const isText = -1

// cells is a table that grows by pages up to maxHandles; what lies beyond is not known and costs 1.
type cells struct {
	pages []*[cellPage]cell
	used  int
}

const cellPage = 1024

func (c *cells) set(id int, class int32, cost float32) {
	if id >= maxHandles {
		return
	}
	for id/cellPage >= len(c.pages) {
		c.pages = append(c.pages, new([cellPage]cell))
	}
	c.pages[id/cellPage][id%cellPage] = cell{class, cost}
	c.used = max(c.used, id+1)
}

func (c *cells) at(id int) cell {
	if id/cellPage >= len(c.pages) {
		return cell{}
	}
	return c.pages[id/cellPage][id%cellPage]
}

func (c *cells) reset() {
	for i := 0; i*cellPage < c.used; i++ {
		clear(c.pages[i][:])
	}
	c.used = 0
}
