// Command race has data races at the places where they have to be found although SQLite itself is compiled without the
// race detector's calls. Its argument chooses one; "none" has no race.
package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"sync"
	"time"

	"modernc.org/sqlite"
)

func main() {
	places := map[string]func(*sql.DB) error{"ours": ours, "argument": argument, "callback": callback, "none": none}
	place, ok := places[os.Args[1]]
	if !ok {
		panic("no such place")
	}
	sqlite.MustRegisterScalarFunction("count_calls", 0, func(*sqlite.FunctionContext, []driver.Value) (driver.Value, error) {
		time.Sleep(pause)
		counted++
		return counted, nil
	})
	db, err := sql.Open("sqlite", "file:"+os.Args[2])
	if err != nil {
		panic(err)
	}
	if err := place(db); err != nil {
		panic(err)
	}
	fmt.Println("done")
}

// both runs two functions that nothing synchronises.
func both(f, g func() error) error {
	var other error
	var wait sync.WaitGroup
	wait.Go(func() { other = f() })
	err := g()
	wait.Wait()
	if err == nil {
		err = other
	}
	return err
}

// ours: two goroutines of a program that has an open database write one variable.
func ours(db *sql.DB) error {
	n := 0
	write := func() error { n++; return nil }
	if err := db.Ping(); err != nil {
		return err
	}
	return both(write, write)
}

// argument: the driver reads an argument of a statement while its owner writes it.
func argument(db *sql.DB) error {
	data := make([]byte, 64)
	return both(func() error { data[7] = 1; return nil }, func() error {
		var size int
		return db.QueryRow("SELECT length(?)", data).Scan(&size)
	})
}

var (
	counted int64
	pause   time.Duration
)

// callback: SQLite calls a function of the program on two connections at one time. The allocator's lock, before and after
// the function, orders two calls that do not overlap, so that there are several, which take a while.
func callback(db *sql.DB) error {
	ctx := context.Background()
	var conns [2]*sql.Conn
	for i := range conns {
		c, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		conns[i] = c
	}
	call := func(c *sql.Conn) func() error {
		return func() error {
			var n int64
			return c.QueryRowContext(ctx, "SELECT count_calls()").Scan(&n)
		}
	}
	pause = 10 * time.Millisecond
	for range 20 {
		if err := both(call(conns[0]), call(conns[1])); err != nil {
			return err
		}
	}
	return nil
}

// none: the same with a lock.
func none(db *sql.DB) error {
	var mu sync.Mutex
	n := 0
	write := func() error {
		mu.Lock()
		defer mu.Unlock()
		n++
		return db.QueryRow("SELECT count_calls()").Scan(&n)
	}
	return both(write, write)
}
