package main

import (
	"fmt"
	"os"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// limitMemory sets the garbage collector's limit to the memory limit of the container or systemd unit: it then collects
// more often before the process would be killed. A quarter is left to the database's cache and the program itself.
// GOMEMLIMIT overrides this; AUTOMEMLIMIT sets another share, or is "off". Where no limit can be found out (other
// systems than Linux) there is none; an error is returned only for a wrong AUTOMEMLIMIT.
func limitMemory(groups memlimit.Provider) error {
	_, err := memlimit.Set(memlimit.WithRatio(0.75), memlimit.WithProvider(groups))
	if share := os.Getenv("AUTOMEMLIMIT"); err != nil && share != "" {
		return fmt.Errorf("AUTOMEMLIMIT=%s: set a share of the memory limit above 0 and up to 1, such as 0.75, or off: %w", share, err)
	}
	return nil
}
