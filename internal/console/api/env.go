// Package api has the parts that the routes of all resources share: the envelope, errors and their reasons, parameters,
// registration with a permission, and JSON. It has no route of its own.
package api

import (
	"time"

	"go.uber.org/zap"
)

// Where the API and the page are.
const (
	Base     = "/api/console"
	PageRoot = "/console/"
)

// Env holds the dependencies that the handlers of all resources share.
type Env struct {
	Logger   *zap.Logger
	Version  string         // of the server
	Location *time.Location // in which days begin, unless a request says otherwise
	Now      func() time.Time
}
