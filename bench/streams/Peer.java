/*
 * What weir's state is measured against: the same two programs written with Kafka Streams,
 * exactly once, one thread, with the settings that made it fastest here (see
 * docs/performance.md). Until SIGTERM.
 *
 *   Peer dedup BROKERS APP INPUT OUTPUT STATE_DIR [NAME=VALUE]...
 *   Peer enrich BROKERS APP INPUT OUTPUT STATE_DIR TABLE [NAME=VALUE]...
 *
 * NAME=VALUE: a setting of Kafka Streams instead of ours; bench.table=memory keeps the table
 * out of RocksDB.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

public final class Peer {
    private static final byte[] NOTHING = new byte[0];

    /* Of the records with one key, the first goes on. */
    private static final class Dedup
            extends ContextualFixedKeyProcessor<Bytes, byte[], byte[]> {
        private KeyValueStore<Bytes, byte[]> seen;

        @Override
        public void init(FixedKeyProcessorContext<Bytes, byte[]> context) {
            super.init(context);
            seen = context.getStateStore("seen");
        }

        @Override
        public void process(FixedKeyRecord<Bytes, byte[]> record) {
            if (seen.putIfAbsent(record.key(), NOTHING) == null)
                context().forward(record);
        }
    }

    private static StreamsBuilder dedup(String input, String output) {
        StreamsBuilder builder = new StreamsBuilder();
        StoreBuilder<KeyValueStore<Bytes, byte[]>> seen = Stores.keyValueStoreBuilder(
            Stores.persistentKeyValueStore("seen"), Serdes.Bytes(), Serdes.ByteArray());

        builder.addStateStore(seen);
        builder.<Bytes, byte[]>stream(input)
            .processValues(Dedup::new, "seen")
            .to(output);
        return builder;
    }

    /* Put the table's value into the object: {...} to {...,"info":VALUE}. No JSON is parsed. */
    private static byte[] merge(byte[] value, byte[] info) {
        byte[] member = ",\"info\":".getBytes();
        byte[] merged = new byte[value.length + member.length + info.length];
        int at = value.length - 1;

        System.arraycopy(value, 0, merged, 0, at);
        System.arraycopy(member, 0, merged, at, member.length);
        System.arraycopy(info, 0, merged, at + member.length, info.length);
        merged[merged.length - 1] = '}';
        return merged;
    }

    private static StreamsBuilder enrich(String input, String output, String topic,
                                         Properties settings) {
        StreamsBuilder builder = new StreamsBuilder();
        boolean inMemory = "memory".equals(settings.getProperty("bench.table"));
        GlobalKTable<Bytes, byte[]> table = inMemory
            ? builder.globalTable(topic, Materialized.as(Stores.inMemoryKeyValueStore("table")))
            : builder.globalTable(topic);
        KStream<Bytes, byte[]> stream = builder.stream(input);

        stream.join(table, (key, value) -> key, Peer::merge).to(output);
        return builder;
    }

    private static Properties settings(String[] args, int extras) {
        Properties settings = new Properties();

        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[1]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, args[2]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, args[5]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG,
                     Serdes.Bytes().getClass());
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG,
                     Serdes.ByteArray().getClass());
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 5);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG),
                     "lz4");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 131072);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG),
                     "earliest");
        settings.put(StreamsConfig.mainConsumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG),
                     10000);
        /* a restart gets its partitions back at once, as weir's does */
        settings.put(
            StreamsConfig.mainConsumerPrefix(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG), "bench");
        for (int i = extras; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            settings.put(pair[0], pair[1]);
        }
        return settings;
    }

    public static void main(String[] args) {
        boolean enriches = args[0].equals("enrich");
        Properties settings = settings(args, enriches ? 7 : 6);
        StreamsBuilder builder = enriches ? enrich(args[3], args[4], args[6], settings)
                                          : dedup(args[3], args[4]);
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);

        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }
}
