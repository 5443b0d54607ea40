package mcp_test

import (
	"testing"

	"github.com/tokenboard/tokenboard/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }
