//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sandbox

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// conn is one end of a worker's socket: blocking, because a blocked thread wakes sooner than the poller does, and because a worker
// that is killed ends every wait on it.
type conn struct{ fd int }

// Read reads what is there; file descriptors that a hostile worker sends along are dropped by the kernel, as plain read(2) takes none.
func (c conn) Read(p []byte) (int, error) {
	for {
		n, err := syscall.Read(c.fd, p)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (c conn) write(p []byte) error {
	for len(p) > 0 {
		n, err := syscall.Write(c.fd, p)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// send writes p and, along with its first byte, the descriptors of files. sent tells whether any byte was taken.
func (c conn) send(p []byte, files []*os.File) (sent bool, err error) {
	var oob []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		oob = syscall.UnixRights(fds...)
	}
	for len(p) > 0 {
		n, err := syscall.SendmsgN(c.fd, p, oob, nil, noSignal)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return sent, err
		}
		sent, p, oob = true, p[n:], nil
	}
	return sent, nil
}

// receiver reads requests and keeps the descriptors that came with them until their request is cut.
type receiver struct {
	fd   int
	buf  []byte
	r, w int
	oob  []byte
	fds  []int
}

var errTruncated = errors.New("descriptors were lost on the way")

func (m *receiver) need(n int) error {
	for m.w-m.r < n {
		if m.r > 0 {
			copy(m.buf, m.buf[m.r:m.w])
			m.w -= m.r
			m.r = 0
		}
		if len(m.buf) < n || m.w == len(m.buf) {
			grown := make([]byte, max(readSize, n, 2*len(m.buf)))
			copy(grown, m.buf[:m.w])
			m.buf = grown
		}
		k, oobn, flags, _, err := syscall.Recvmsg(m.fd, m.buf[m.w:], m.oob, recvFlags)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if oobn > 0 {
			if err := m.take(m.oob[:oobn]); err != nil {
				return err
			}
		}
		if flags&syscall.MSG_CTRUNC != 0 {
			return errTruncated
		}
		if k == 0 {
			return io.EOF
		}
		m.w += k
	}
	return nil
}

func (m *receiver) take(oob []byte) error {
	msgs, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return err
	}
	for i := range msgs {
		fds, err := syscall.ParseUnixRights(&msgs[i])
		if err != nil {
			return err
		}
		m.fds = append(m.fds, fds...)
	}
	return nil
}

// next gives the next request; its payload is valid until the next call.
func (m *receiver) next() (payload []byte, fds []int, left int64, err error) {
	if m.r == m.w && len(m.buf) > 16*readSize {
		m.buf, m.r, m.w = nil, 0, 0
	}
	if err := m.need(requestHeader); err != nil {
		return nil, nil, 0, err
	}
	size, files, left := parseRequest(m.buf[m.r:])
	if size > maxRequest {
		return nil, nil, 0, errFrameSize
	}
	if err := m.need(requestHeader + size); err != nil {
		return nil, nil, 0, err
	}
	payload = m.buf[m.r+requestHeader : m.r+requestHeader+size]
	m.r += requestHeader + size
	if files > len(m.fds) {
		return nil, nil, 0, errTruncated
	}
	fds = append(fds, m.fds[:files]...)
	m.fds = m.fds[:copy(m.fds, m.fds[files:])]
	return payload, fds, left, nil
}
