from keras_gan.cli import main

main()
