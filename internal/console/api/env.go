package api

import (
	"time"

	"go.uber.org/zap"
)

const (
	Base     = "/api/console"
	PageRoot = "/console/"
)

// Env is what the handlers of all resources share.
type Env struct {
	Logger   *zap.Logger
	Version  string         // of the server
	Location *time.Location // in which days begin, unless a request says otherwise
	Now      func() time.Time
}
