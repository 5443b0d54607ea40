package calls;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.models.FunctionDefinition;
import com.openai.models.FunctionParameters;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionFunctionTool;
import com.openai.models.chat.completions.ChatCompletionMessage;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.chat.completions.ChatCompletionToolMessageParam;
import com.openai.models.embeddings.EmbeddingCreateParams;
import com.openai.models.responses.ResponseCreateParams;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

/** Calls of OpenAI's package under OpenTelemetry's Java agent. The end of a model's name says what is tried: see provider_test.go. */
public class OtelJava {
    static final OpenAIClient client = OpenAIOkHttpClient.builder().fromEnv().maxRetries(0).build();

    static ChatCompletionCreateParams.Builder chat(String kind) {
        return ChatCompletionCreateParams.builder().model("gpt-4o-" + kind).addUserMessage("say hello");
    }

    static ResponseCreateParams.Builder response(String kind) {
        return ResponseCreateParams.builder().model("gpt-4o-responses-" + kind).input("say hello");
    }

    static void ask(String kind) {
        client.chat().completions().create(chat(kind).build());
    }

    static void stream(String kind) {
        var usage = ChatCompletionStreamOptions.builder().includeUsage(true).build();
        try (var s = client.chat().completions().createStreaming(chat("stream-" + kind).streamOptions(usage).build())) {
            s.stream().forEach(part -> {});
        }
    }

    static void respond(String kind) {
        client.responses().create(response(kind).build());
    }

    static void respondStream(String kind) {
        try (var s = client.responses().createStreaming(response("stream-" + kind).build())) {
            s.stream().forEach(part -> {});
        }
    }

    static void failing(Runnable call) {
        try {
            call.run();
        } catch (RuntimeException e) {
            return;
        }
        throw new IllegalStateException("a call did not fail");
    }

    static void tools() {
        var parameters = FunctionParameters.builder()
                .putAdditionalProperty("type", JsonValue.from("object"))
                .putAdditionalProperty("properties", JsonValue.from(Map.of("city", Map.of("type", "string"))))
                .build();
        var weather = FunctionDefinition.builder().name("weather").parameters(parameters).build();
        var conversation = chat("tools").addTool(ChatCompletionFunctionTool.builder().function(weather).build());
        for (int i = 0; i < 4; i++) {
            ChatCompletionMessage said = client.chat().completions().create(conversation.build()).choices().get(0).message();
            conversation.addMessage(said);
            var calls = said.toolCalls().orElse(List.of());
            if (calls.isEmpty()) {
                return;
            }
            for (var call : calls) {
                conversation.addMessage(ChatCompletionToolMessageParam.builder().toolCallId(call.asFunction().id()).content("sunny").build());
            }
        }
    }

    public static void main(String[] args) {
        for (String kind : List.of("plain", "cached", "reasoning")) {
            ask(kind);
            stream(kind);
            respond(kind);
            respondStream(kind);
        }
        for (String kind : List.of("401", "429", "500")) {
            failing(() -> ask(kind));
            failing(() -> respond(kind));
        }
        failing(() -> stream("cut"));
        failing(() -> respondStream("cut"));
        CompletableFuture.allOf(IntStream.range(0, 4).mapToObj(i -> CompletableFuture.runAsync(() -> ask("parallel"))).toArray(CompletableFuture[]::new)).join();
        var later = client.async();
        CompletableFuture.allOf(IntStream.range(0, 4)
                .mapToObj(i -> later.chat().completions().create(chat("async-parallel").build())).toArray(CompletableFuture[]::new)).join();
        tools();
        client.embeddings().create(EmbeddingCreateParams.builder().model("text-embedding-3-small").input("say hello").build());
        later.close();
        client.close();
    }
}
