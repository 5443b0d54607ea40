package calls;

import dev.langchain4j.agent.tool.Tool;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.openaiofficial.OpenAiOfficialChatModel;
import dev.langchain4j.model.openaiofficial.OpenAiOfficialEmbeddingModel;
import dev.langchain4j.model.openaiofficial.OpenAiOfficialStreamingChatModel;
import dev.langchain4j.service.AiServices;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;

/** Calls of LangChain4j through OpenAI's package under OpenTelemetry's Java agent. */
public class Langchain4j {
    static final String base = System.getenv("OPENAI_BASE_URL");

    static ChatModel model(String kind) {
        return OpenAiOfficialChatModel.builder().baseUrl(base).apiKey("test").modelName("gpt-4o-" + kind).maxRetries(0).build();
    }

    static void ask(String kind) {
        model(kind).chat("say hello");
    }

    static void stream(String kind) throws InterruptedException {
        var done = new CompletableFuture<ChatResponse>();
        OpenAiOfficialStreamingChatModel.builder().baseUrl(base).apiKey("test").modelName("gpt-4o-stream-" + kind).maxRetries(0).build()
                .chat("say hello", new StreamingChatResponseHandler() {
                    public void onPartialResponse(String part) {}

                    public void onCompleteResponse(ChatResponse response) {
                        done.complete(response);
                    }

                    public void onError(Throwable error) {
                        done.completeExceptionally(error);
                    }
                });
        try {
            done.get();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    interface Task {
        void run() throws InterruptedException;
    }

    static void failing(Task call) throws InterruptedException {
        try {
            call.run();
        } catch (RuntimeException e) {
            return;
        }
        throw new IllegalStateException("a call did not fail");
    }

    interface Assistant {
        String chat(String message);
    }

    public static class Weather {
        @Tool("The weather of a city")
        public String weather(String city) {
            return "sunny";
        }
    }

    /** An agent that is the tool of another. */
    public static class Inner {
        @Tool("The weather of a city")
        public String weather(String city) {
            return model("inner").chat("say hello");
        }
    }

    public static void main(String[] args) throws InterruptedException {
        for (String kind : List.of("plain", "cached", "reasoning")) {
            ask(kind);
            stream(kind);
        }
        for (String kind : List.of("401", "429", "500")) {
            failing(() -> ask(kind));
        }
        // A stream that breaks is not tried: its handler is never called.
        CompletableFuture.allOf(IntStream.range(0, 4).mapToObj(i -> CompletableFuture.runAsync(() -> ask("parallel"))).toArray(CompletableFuture[]::new)).join();
        AiServices.builder(Assistant.class).chatModel(model("tools")).tools(new Weather()).build().chat("say hello");
        AiServices.builder(Assistant.class).chatModel(model("agent")).tools(new Inner()).build().chat("say hello");
        OpenAiOfficialEmbeddingModel.builder().baseUrl(base).apiKey("test").modelName("text-embedding-3-small").build().embed("say hello");
        System.exit(0); // the clients, which LangChain4j does not close, have threads that go on
    }
}
