package fakeupstream

import "net/http"

// messages answers as Anthropic does: input_tokens leaves the cache out.
func (x *exchange) messages() error {
	b := x.bill
	usage := func(output int64) object {
		return object{
			"input_tokens": b.Input - b.CacheRead - b.CacheWrite, "output_tokens": output,
			"cache_read_input_tokens": b.CacheRead, "cache_creation_input_tokens": b.CacheWrite,
			"cache_creation":        object{"ephemeral_5m_input_tokens": b.CacheWrite - b.CacheWrite1h, "ephemeral_1h_input_tokens": b.CacheWrite1h},
			"output_tokens_details": object{"thinking_tokens": min(output, b.Reasoning)},
			"server_tool_use":       nil, "service_tier": "standard",
		}
	}
	message := func(content []any, stop any, output int64) object {
		return object{
			"id": x.call.ID, "type": "message", "role": "assistant", "model": x.body.Model, "content": content,
			"stop_reason": stop, "stop_sequence": nil, "usage": usage(output),
		}
	}
	if !x.body.Stream {
		x.call.Reported = true
		x.json(http.StatusOK, message(x.messagesContent(), x.messagesStop(), b.Output))
		return nil
	}
	if err := inOrder(
		func() error {
			return x.event("message_start", object{"type": "message_start", "message": message([]any{}, nil, 1)})
		},
		func() error {
			return x.event("content_block_start", object{"type": "content_block_start", "index": 0, "content_block": x.messagesBlock()})
		},
		func() error { return x.event("ping", object{"type": "ping"}) },
	); err != nil {
		return err
	}
	for _, delta := range x.messagesDeltas() {
		if err := x.event("content_block_delta", object{"type": "content_block_delta", "index": 0, "delta": delta}); err != nil {
			return err
		}
	}
	if err := inOrder(
		func() error { return x.event("content_block_stop", object{"type": "content_block_stop", "index": 0}) },
		func() error {
			return x.event("message_delta", object{
				"type": "message_delta", "delta": object{"stop_reason": x.messagesStop(), "stop_sequence": nil}, "usage": object{
					"input_tokens": b.Input - b.CacheRead - b.CacheWrite, "output_tokens": b.Output, "cache_read_input_tokens": b.CacheRead,
					"cache_creation_input_tokens": b.CacheWrite, "output_tokens_details": object{"thinking_tokens": b.Reasoning},
				},
			})
		},
	); err != nil {
		return err
	}
	x.call.Reported = true
	return x.event("message_stop", object{"type": "message_stop"})
}
