"""The caption model: vocabulary, normalizer, decoders and the ensemble of them."""
