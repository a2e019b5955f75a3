// Sizes of the published config.json files, without their rules for pictures and text, which follow from the version.

const TOWER = {
  hidden_size: 1152,
  image_size: 980,
  intermediate_size: 4304,
  num_attention_heads: 16,
  num_hidden_layers: 27,
  patch_size: 14,
};

const RESAMPLED = { model_type: "minicpmv", vision_config: TOWER, rms_norm_eps: 1e-6, tie_word_embeddings: false };

/** Configurations by version; each is a whole config.json as far as this project reads one. */
export const PUBLISHED_CONFIGS = {
  "2.5": {
    ...RESAMPLED,
    version: "2.5",
    query_num: 96,
    hidden_size: 4096,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    intermediate_size: 14336,
    vocab_size: 128256,
    max_position_embeddings: 8192,
    rope_theta: 5e5,
  },
  "2.6": {
    ...RESAMPLED,
    version: 2.6,
    query_num: 64,
    hidden_size: 3584,
    num_hidden_layers: 28,
    num_attention_heads: 28,
    num_key_value_heads: 4,
    intermediate_size: 18944,
    vocab_size: 151666,
    max_position_embeddings: 32768,
    rope_theta: 1e6,
  },
  "4.5": {
    ...RESAMPLED,
    version: 4.5,
    query_num: 64,
    batch_3d_resampler: true,
    hidden_size: 4096,
    head_dim: 128,
    num_hidden_layers: 36,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    intermediate_size: 12288,
    vocab_size: 151748,
    max_position_embeddings: 40960,
    rope_theta: 1e6,
  },
  "4.6": {
    model_type: "minicpmv4_6",
    tie_word_embeddings: true,
    insert_layer_id: 6,
    vision_config: TOWER,
    text_config: {
      hidden_size: 1024,
      num_hidden_layers: 24,
      num_attention_heads: 8,
      num_key_value_heads: 2,
      head_dim: 256,
      intermediate_size: 3584,
      vocab_size: 248094,
      max_position_embeddings: 262144,
      full_attention_interval: 4,
      linear_conv_kernel_dim: 4,
      linear_key_head_dim: 128,
      linear_num_key_heads: 16,
      linear_num_value_heads: 16,
      linear_value_head_dim: 128,
      rope_parameters: { partial_rotary_factor: 0.25, rope_theta: 1e7, rope_type: "default" },
    },
  },
} as const;

/** Versions with a configuration here. */
export type ConfiguredVersion = keyof typeof PUBLISHED_CONFIGS;
