package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"github.com/tokenboard/tokenboard/internal/mcptools"
)

// maxMessage bounds a message from the client, in bytes.
const maxMessage = 64 << 10

// mcpCommand speaks the Model Context Protocol to the program that started it, and asks a server for the figures.
func mcpCommand(c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use: "mcp", Short: "Tools for agents: the Model Context Protocol on the standard input and output", Args: noArgs,
		Long: `Answers the Model Context Protocol on the standard input and output, for agents that start their tools as programs. It asks a
running server, with an API token from $` + tokenVariable + ` or a file. All tools only read.`,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := c.client()
		if err != nil {
			return err
		}
		server := mcptools.New(mcptools.Options{Client: api, Version: cmd.Root().Version})
		return serveMCP(cmd.Context(), server, cmd.InOrStdin(), cmd.OutOrStdout())
	}
	return cmd
}

// serveMCP answers until the input ends or the context does.
func serveMCP(ctx context.Context, server *mcp.Server, in io.Reader, out io.Writer) error {
	reader, closable := in.(io.ReadCloser)
	if !closable {
		reader = io.NopCloser(in)
	}
	err := server.Run(ctx, &mcp.IOTransport{Reader: reader, Writer: unclosed{out}, MaxLineLength: maxMessage})
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("speak the Model Context Protocol: %w", err)
	}
	return nil
}

// unclosed is an output that is the process's to close.
type unclosed struct{ io.Writer }

// Close leaves the output open.
func (unclosed) Close() error { return nil }
