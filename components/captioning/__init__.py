"""The caption model: encoder, network, decoding, metrics, and the bundle that stores them."""
