package rollup

import "github.com/tokenboard/tokenboard/internal/rollup/cell"

import "sync"

// cache keeps the parts of pages that were read last.
type cache struct {
	mu    sync.Mutex
	clock int64
	bytes int64
	all   map[cacheKey]*cached
}

type cacheKey struct {
	day       int64
	dimension Dimension
	part      Part
}

type cached struct {
	*cell.Blob
	of   uint64 // identity of its page
	used int64  // by the cache's clock
}

// get returns a part of a page, from read where it is not there.
func (c *cache) get(k cacheKey, of uint64, maxBytes int64, read func() (*cell.Blob, error)) (*cell.Blob, error) {
	c.mu.Lock()
	c.clock++
	if e := c.all[k]; e != nil && e.of == of {
		e.used = c.clock
		c.mu.Unlock()
		return e.Blob, nil
	}
	c.mu.Unlock()
	b, err := read()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.Size() > maxBytes/4 {
		return b, nil
	}
	if c.all == nil {
		c.all = map[cacheKey]*cached{}
	}
	c.remove(k)
	c.all[k] = &cached{b, of, c.clock}
	c.bytes += b.Size()
	for c.bytes > maxBytes {
		oldest, used := cacheKey{}, c.clock+1
		for k, e := range c.all {
			if e.used < used {
				oldest, used = k, e.used
			}
		}
		c.remove(oldest)
	}
	return b, nil
}

func (c *cache) remove(k cacheKey) {
	if e := c.all[k]; e != nil {
		c.bytes -= e.Size()
		delete(c.all, k)
	}
}
