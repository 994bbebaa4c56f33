"""What only the GAN lab needs: small settings, variants of the library's networks, and paired statistics."""
