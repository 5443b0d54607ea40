package fakeupstream

import (
	"net/http"
	"time"
)

// object is a JSON object.
type object = map[string]any

// chatUsage is OpenAI's usage of chat completions, which has the cache in the prompt and the
// reasoning in the completion. OpenAI bills no cache writes.
func (x *exchange) chatUsage() object {
	x.bill.Input -= x.bill.CacheWrite
	x.bill.CacheWrite, x.bill.CacheWrite1h = 0, 0
	b := x.bill
	return object{
		"prompt_tokens": b.Input, "completion_tokens": b.Output, "total_tokens": b.Input + b.Output,
		"prompt_tokens_details":     object{"cached_tokens": b.CacheRead, "audio_tokens": 0},
		"completion_tokens_details": object{"reasoning_tokens": b.Reasoning, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
	}
}

func (x *exchange) chat() error {
	usage := x.chatUsage()
	created := time.Now().Unix()
	if !x.body.Stream {
		x.call.Reported = true
		x.json(http.StatusOK, object{
			"id": x.call.ID, "object": "chat.completion", "created": created, "model": x.body.Model,
			"choices": []any{object{"index": 0, "message": x.chatMessage(), "logprobs": nil, "finish_reason": x.chatFinish()}},
			"usage":   usage, "service_tier": "default", "system_fingerprint": "fp_fake",
		})
		return nil
	}
	chunk := func(delta object, finish any) error {
		c := object{
			"id": x.call.ID, "object": "chat.completion.chunk", "created": created, "model": x.body.Model,
			"choices": []any{object{"index": 0, "delta": delta, "logprobs": nil, "finish_reason": finish}},
		}
		if x.body.StreamOptions.IncludeUsage {
			c["usage"] = nil
		}
		return x.event("", c)
	}
	if err := chunk(object{"role": "assistant", "content": ""}, nil); err != nil {
		return err
	}
	if x.tool != nil {
		if err := chunk(object{"tool_calls": x.chatToolCalls()}, nil); err != nil {
			return err
		}
	} else {
		for _, word := range x.words {
			if err := chunk(object{"content": word}, nil); err != nil {
				return err
			}
		}
	}
	if err := chunk(object{}, x.chatFinish()); err != nil {
		return err
	}
	if x.body.StreamOptions.IncludeUsage {
		if err := x.event("", object{
			"id": x.call.ID, "object": "chat.completion.chunk", "created": created, "model": x.body.Model,
			"choices": []any{}, "usage": usage,
		}); err != nil {
			return err
		}
		x.call.Reported = true
	}
	return x.raw("data: [DONE]\n\n")
}

func (x *exchange) completions() error {
	x.call.Reported = true
	x.json(http.StatusOK, object{
		"id": x.call.ID, "object": "text_completion", "created": time.Now().Unix(), "model": x.body.Model,
		"choices": []any{object{"index": 0, "text": x.text(), "logprobs": nil, "finish_reason": "length"}},
		"usage":   x.chatUsage(),
	})
	return nil
}

func (x *exchange) embeddings() error {
	x.call.Reported = true
	x.bill = Bill{Input: x.bill.Input}
	x.json(http.StatusOK, object{
		"object": "list", "model": x.body.Model,
		"data":  []any{object{"object": "embedding", "index": 0, "embedding": []float64{0.0023064255, -0.009327292, 1e-7}}},
		"usage": object{"prompt_tokens": x.bill.Input, "total_tokens": x.bill.Input},
	})
	return nil
}

func (x *exchange) response(status string, usage any) object {
	return object{
		"id": x.call.ID, "object": "response", "created_at": time.Now().Unix(), "status": status, "model": x.body.Model,
		"error": nil, "incomplete_details": nil, "instructions": nil, "metadata": object{}, "parallel_tool_calls": true,
		"temperature": 1, "tool_choice": "auto", "tools": []any{}, "top_p": 1, "service_tier": "default",
		"output": []any{}, "usage": usage,
	}
}

func (x *exchange) responses() error {
	x.bill.Input -= x.bill.CacheWrite
	x.bill.CacheWrite, x.bill.CacheWrite1h = 0, 0
	usage := object{
		"input_tokens": x.bill.Input, "input_tokens_details": object{"cached_tokens": x.bill.CacheRead},
		"output_tokens": x.bill.Output, "output_tokens_details": object{"reasoning_tokens": x.bill.Reasoning},
		"total_tokens": x.bill.Input + x.bill.Output,
	}
	done := x.response("completed", usage)
	done["output"] = []any{x.responseItem("completed", x.text())}
	if x.tool != nil {
		done["output"] = []any{x.responsesToolCall()}
	}
	if !x.body.Stream {
		x.call.Reported = true
		x.json(http.StatusOK, done)
		return nil
	}
	n := 0
	send := func(kind string, v object) error {
		v["type"], v["sequence_number"] = kind, n
		n++
		return x.event(kind, v)
	}
	stream := x.streamResponse
	if x.tool != nil {
		stream = x.streamToolCall
	}
	err := stream(send, done)
	x.call.Reported = err == nil
	return err
}

// responseItem is the item of a response that has its text.
func (x *exchange) responseItem(status, text string) object {
	content := []any{}
	if text != "" {
		content = []any{responsePart(text)}
	}
	return object{"id": "msg_" + x.call.ID, "type": "message", "role": "assistant", "status": status, "content": content}
}

func responsePart(text string) object {
	return object{"type": "output_text", "text": text, "annotations": []any{}}
}

// streamToolCall sends the events of a response that calls a tool.
func (x *exchange) streamToolCall(send func(string, object) error, done object) error {
	return inOrder(
		func() error { return send("response.created", object{"response": x.response("in_progress", nil)}) },
		func() error {
			added := x.responsesToolCall()
			added["arguments"], added["status"] = "", "in_progress"
			return send("response.output_item.added", object{"output_index": 0, "item": added})
		},
		func() error {
			arguments := x.responsesToolCall()["arguments"]
			return send("response.function_call_arguments.done", object{
				"item_id": "fc_" + x.call.ID, "output_index": 0, "name": x.tool.Name, "arguments": arguments,
			})
		},
		func() error {
			return send("response.output_item.done", object{"output_index": 0, "item": x.responsesToolCall()})
		},
		func() error { return send("response.completed", object{"response": done}) },
	)
}

// streamResponse sends the events of a response with a text.
func (x *exchange) streamResponse(send func(string, object) error, done object) error {
	in := func(v object) object {
		v["item_id"], v["output_index"], v["content_index"] = "msg_"+x.call.ID, 0, 0
		return v
	}
	if err := inOrder(
		func() error { return send("response.created", object{"response": x.response("in_progress", nil)}) },
		func() error { return send("response.in_progress", object{"response": x.response("in_progress", nil)}) },
		func() error {
			return send("response.output_item.added", object{"output_index": 0, "item": x.responseItem("in_progress", "")})
		},
		func() error { return send("response.content_part.added", in(object{"part": responsePart("")})) },
	); err != nil {
		return err
	}
	for _, word := range x.words {
		if err := send("response.output_text.delta", in(object{"delta": word, "logprobs": []any{}})); err != nil {
			return err
		}
	}
	return inOrder(
		func() error {
			return send("response.output_text.done", in(object{"text": x.text(), "logprobs": []any{}}))
		},
		func() error { return send("response.content_part.done", in(object{"part": responsePart(x.text())})) },
		func() error {
			return send("response.output_item.done", object{"output_index": 0, "item": x.responseItem("completed", x.text())})
		},
		func() error { return send("response.completed", object{"response": done}) },
	)
}
